// A kernel for host tests of code over libhvcall/native: capabilities, Untyped memory,
// notifications, threads, and scheme servers that are functions. Frames are mapped as host memory
// at the address asked for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "libhvcall/native/ipc.hpp"

namespace redoubt::test {

/// Behind native::invoke. There is one, and it is never destroyed: threads may still wait in it at
/// exit.
class FakeKernel {
  public:
    /// Answers a message sent to an endpoint; bytes and capabilities are in `buffer`, the caller's.
    using Server = std::function<void(native::Message& message, abi::IpcBuffer& buffer)>;
    /// Runs a thread that was resumed: entry and first argument.
    using ThreadBody = std::function<void(std::uint64_t entry, std::uint64_t argument)>;

    static FakeKernel& instance();

    /// Puts an Untyped into a slot.
    void add_untyped(native::Slot slot, unsigned size_bits);
    /// Puts an endpoint into a slot.
    void add_endpoint(native::Slot slot, Server server);
    void set_thread_body(ThreadBody body) { thread_body_ = std::move(body); }

    abi::Error invoke(abi::SyscallNumber number, native::Registers& registers);

    /// Signals what a capability says, as another process would.
    void signal(native::Slot slot);
    /// A second capability for the same object, as a message transfers it.
    native::Slot duplicate(native::Slot slot);

    std::size_t live_capabilities();
    std::uint64_t free_bytes(native::Slot untyped);

  private:
    struct Notification {
        std::uint64_t word = 0;
        std::condition_variable signalled;
    };
    struct Capability {
        abi::ObjectType type = abi::ObjectType::Null;
        unsigned size_bits = 0;
        native::Slot parent = 0;
        std::uint64_t used = 0;  ///< Untyped: bytes
        std::uint64_t badge = 0;
        void* mapped = nullptr;  ///< Frame: where
        std::shared_ptr<Notification> notification{};
        std::shared_ptr<Server> server{};
        abi::ThreadConfiguration configuration{};
        abi::ThreadStart start{};
    };

    abi::Error retype(native::Registers& r);
    abi::Error copy(native::Registers& r);
    abi::Error wait(std::unique_lock<std::mutex>& lock, native::Registers& r);
    abi::Error map(native::Registers& r);
    abi::Error thread_control(native::Registers& r);
    void remove(native::Slot slot);
    void revoke(native::Slot slot);
    bool has_children(native::Slot slot) const;

    std::mutex mutex_;
    std::map<native::Slot, Capability> slots_;
    native::Slot next_foreign_ = 1U << 20;  ///< slots of "other processes"
    ThreadBody thread_body_;
};

}  // namespace redoubt::test
