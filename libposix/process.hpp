// The state of the process that all its threads share, and the lock that guards it.
#pragma once

#include <cstdint>
#include <string_view>

#include "abi/startup.hpp"
#include "libhvcall/native/ipc.hpp"
#include "libhvcall/native/lock.hpp"
#include "libhvcall/native/object_allocator.hpp"
#include "libposix/clock.hpp"
#include "libposix/memory/memory.hpp"
#include "libposix/thread/thread.hpp"

namespace redoubt::posix {

struct Process {
    const abi::StartupInfo* startup = nullptr;
    native::Lock lock;  ///< guards everything below, and all files
    native::SlotAllocator slots;
    native::UntypedAllocator untyped{slots};
    native::ObjectAllocator objects{slots, untyped};
    Memory memory{slots, untyped};
    Clock clock;
    Thread main_thread;
    Thread* threads = nullptr;  ///< all, running or parked
    unsigned running_threads = 1;
    std::uint32_t next_tid = 2;
};

Process& process();

using ProcessLock = native::LockGuard;

/// Gives the process's lock up for the length of a call that another process answers.
class Unlocked {
  public:
    Unlocked() { process().lock.unlock(); }
    ~Unlocked() { process().lock.lock(); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;
};

/// The program may be in the middle of building or reading a message of its own when a Linux call
/// is reflected: whatever libposix says over IPC, it puts the thread's IPC buffer back as it was.
class IpcScope {
  public:
    IpcScope();
    ~IpcScope();
    IpcScope(const IpcScope&) = delete;
    IpcScope& operator=(const IpcScope&) = delete;

  private:
    abi::CapabilityIndex send_[abi::kMaximumCapabilities];
    abi::CapabilityIndex receive_first_;
    std::uint32_t receive_count_;
    std::uint64_t words_[abi::kMaximumWords];
};

/// The namespace's entry with that name, or nullptr.
const abi::NamespaceEntry* find_name(std::string_view name);

/// The slot of a scheme's root on which `path` can be opened, 0 if the process was given none.
native::Slot find_scheme(std::string_view name, std::string_view path);

/// A line for the system console through init, for before log: runs and for libposix's own
/// complaints.
void log_line(std::string_view text);

/// Starts up: allocators, clock and main thread. `handler_stack_top` is the main thread's.
void initialize_process(const abi::StartupInfo& startup, std::uintptr_t handler_stack_top);

}  // namespace redoubt::posix
