// One thread of the process as libposix sees it: kernel objects, handler stack, and what it sleeps
// on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libhvcall/native/ipc.hpp"
#include "libposix/frame.hpp"

namespace redoubt::posix {

inline constexpr std::size_t kHandlerStackSize = 32768;

struct Thread {
    Thread* next = nullptr;        ///< all threads that ever were; ended ones are used again
    native::Slot wait_slot = 0;    ///< its notification
    native::Slot signal_slot = 0;  ///< the same with badge 1
    std::uint32_t tid = 0;
    bool running = false;                ///< false: ended, parked until clone needs a thread
    bool woken = false;                  ///< by a watch that it sleeps on
    std::uint32_t* clear_tid = nullptr;  ///< zeroed and woken at the thread's end
    Frame start = {};                    ///< what a new thread continues with
    std::uint64_t start_tls = 0;
    void (*internal)() = nullptr;  ///< libposix's own thread: runs this instead of `start`

    // Futex queue; guarded by the process's lock.
    const std::uint32_t* futex = nullptr;  ///< what it waits on, nullptr when not queued
    std::uint32_t futex_bits = 0;
    Thread* futex_next = nullptr;

    /// The calling thread.
    static Thread& current() {
        return *reinterpret_cast<Thread*>(native::ipc_buffer().user_words[kThreadWord]);
    }

    /// Makes this the thread of that IPC buffer, with a handler stack ending at `stack_top`.
    void attach(abi::IpcBuffer& buffer, std::uintptr_t stack_top) {
        buffer.user_words[kStackWord] = stack_top;
        buffer.user_words[kThreadWord] = reinterpret_cast<std::uintptr_t>(this);
    }

    /// Gives up the process's lock until woken or the deadline (ticks) passes; may return for no
    /// reason.
    void sleep(std::uint64_t deadline);
    void wake() { native::signal(signal_slot); }

    // Indices into IpcBuffer::user_words; entry.S knows the first.
    static constexpr unsigned kStackWord = 0;
    static constexpr unsigned kThreadWord = 1;
};

/// Gives `thread` its notification; false if there is no memory or slot.
bool make_notification(Thread& thread);

/// Linux's clone for threads (not processes). `caller` holds the registers the new thread starts
/// with.
long clone_thread(const Frame& caller, std::uint64_t flags, std::uintptr_t stack,
                  std::uint32_t* parent_tid, std::uint32_t* child_tid, std::uint64_t tls);

/// A thread that runs `function`, which never returns. For libposix's own use.
bool start_internal_thread(void (*function)());

/// Ends the calling thread; the last one ends the process.
[[noreturn]] void exit_thread(int code);
[[noreturn]] void exit_process(int code);

}  // namespace redoubt::posix
