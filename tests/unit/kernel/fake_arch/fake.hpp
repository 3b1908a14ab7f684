// Host tests of the portable kernel: a make-believe machine on which init has been started.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "abi/ipc.hpp"
#include "abi/startup.hpp"
#include "abi/syscall.hpp"
#include "kernel/cap/capability.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel::fake {

/// Every thread is blocked and no timer is armed.
struct Deadlock : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Panic : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline constexpr std::uint64_t kMemoryStart = 0x4000'0000;
inline constexpr std::uint64_t kMemoryBytes = 16 << 20;

/// What the kernel printed.
std::string& console();

/// Moves the clock, and lets the timer fire if its deadline has passed.
void advance(std::uint64_t ticks);

/// Runs once, the next time that the kernel lets interrupts in during a long operation.
inline std::function<void()> pending_interrupt;
/// Stands for a guest: what a thread with a run in progress does when it has the processor. Returns
/// when the host's interrupt has been handled.
inline std::function<void(Thread&)> guest;

/// Starts init of a fresh machine; the running thread makes system calls with call().
class Machine {
  public:
    using Slot = abi::CapabilityIndex;

    Machine();
    ~Machine();

    static constexpr Slot kCNode = 1, kSpace = 2, kThread = 3, kUntyped = 4, kIpcBuffer = 6;

    const abi::BootInfo& boot_info() const { return *boot_info_; }
    Thread& init() const { return *init_; }
    Thread& running() const;

    /// A system call of the running thread. The result is its status, or Ok with blocked() if
    /// another runs now.
    abi::Error call(abi::SyscallNumber number, std::array<std::uint64_t, 6> arguments = {});
    /// Any number in the system call register.
    abi::Error call_raw(std::uint64_t number, std::array<std::uint64_t, 6> arguments = {});
    bool blocked() const { return blocked_; }
    /// Result register of the last caller: 0 badge, 1 info or value, 2.. message registers.
    std::uint64_t result(unsigned index) const;

    /// What the entry code does after a fault of the running thread.
    void fault(std::uint64_t address);
    /// Lets the scheduler choose again, as after an interrupt.
    void reschedule();

    Capability& capability(Slot slot, Thread* thread = nullptr) const;
    Slot next_slot() { return next_slot_++; }

    /// Shorthands for calls that must succeed.
    Slot make(abi::ObjectType type, unsigned size_bits = 0, Slot untyped = kUntyped);
    Slot mint(Slot source, abi::Rights rights, std::uint64_t badge = 0);
    std::uint64_t free_bytes(Slot untyped);

    struct NewThread {
        Thread* thread;
        Slot slot;
        Slot space;
        Slot buffer;
        Slot cnode;  ///< kCNode: shares init's
    };
    /// A configured thread in its own address space, which shares init's CNode unless `cnode` is
    /// given; ready if `start`.
    NewThread make_thread(unsigned priority, bool start = true, Slot fault_endpoint = 0,
                          std::uint64_t fault_badge = 0, Slot untyped = kUntyped,
                          Slot cnode = kCNode);

  private:
    void continue_running();

    const abi::BootInfo* boot_info_ = nullptr;
    Thread* init_ = nullptr;
    Thread* last_ = nullptr;
    bool blocked_ = false;
    Slot next_slot_ = 0;
};

}  // namespace redoubt::kernel::fake
