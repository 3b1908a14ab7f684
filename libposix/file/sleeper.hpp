// A thread that sleeps until a watch fires.
#pragma once

#include "libhvcall/native/syscall.hpp"
#include "libposix/file/file.hpp"
#include "libposix/thread/thread.hpp"

namespace redoubt::posix {

/// Lives on the stack of the thread that sleeps.
class Sleeper {
  public:
    Sleeper() : thread_(Thread::current()) { thread_.woken = false; }

    void wake() {
        if (thread_.woken) return;
        thread_.woken = true;
        thread_.wake();
    }

    /// Until woken (true) or the deadline in ticks passed (false). Forgets the waking.
    bool sleep(std::uint64_t deadline) {
        while (!thread_.woken) {
            if (deadline != abi::kNever && native::ticks() >= deadline) return false;
            thread_.sleep(deadline);
        }
        thread_.woken = false;
        return true;
    }

  private:
    Thread& thread_;
};

class ThreadWatch final : public Watch {
  public:
    explicit ThreadWatch(Sleeper& sleeper) : sleeper_(sleeper) {}
    void on_event() override { sleeper_.wake(); }

  private:
    Sleeper& sleeper_;
};

}  // namespace redoubt::posix
