// A lock between the threads of one process: an atomic counter, and a Notification for those who
// must wait.
#pragma once

#include "libhvcall/native/syscall.hpp"

namespace redoubt::native {

/// Each unlock with waiters signals once, and the next unlock can only come from the thread that
/// took that signal: the notification's single bit never has to count.
class Lock {
  public:
    constexpr Lock() = default;

    /// `wait_slot` may wait, `signal_slot` is badged and may signal. Before this call the lock must
    /// not be contended.
    void initialize(Slot wait_slot, Slot signal_slot) {
        wait_slot_ = wait_slot;
        signal_slot_ = signal_slot;
    }

    void lock() {
        if (__atomic_fetch_add(&holders_, 1, __ATOMIC_ACQUIRE) != 0) wait(wait_slot_);
    }

    void unlock() {
        if (__atomic_fetch_sub(&holders_, 1, __ATOMIC_RELEASE) != 1) signal(signal_slot_);
    }

  private:
    unsigned holders_ = 0;  // not std::atomic: its header needs a C library
    Slot wait_slot_ = 0;
    Slot signal_slot_ = 0;
};

class LockGuard {
  public:
    explicit LockGuard(Lock& lock) : lock_(lock) { lock_.lock(); }
    ~LockGuard() { lock_.unlock(); }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;

  private:
    Lock& lock_;
};

}  // namespace redoubt::native
