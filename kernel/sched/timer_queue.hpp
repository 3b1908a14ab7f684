// Threads that wait with a deadline, earliest first.
#pragma once

#include <cstdint>

#include "abi/object.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

class TimerQueue {
  public:
    std::uint64_t next_deadline() const {
        return first_ != nullptr ? first_->deadline : abi::kNever;
    }
    Thread* front() const { return first_; }

    void insert(Thread& thread, std::uint64_t deadline) {
        Thread* predecessor = nullptr;
        for (Thread* other = first_; other != nullptr && other->deadline <= deadline;
             other = other->timer_next) {
            predecessor = other;
        }
        thread.timed = true;
        thread.deadline = deadline;
        thread.timer_previous = predecessor;
        thread.timer_next = predecessor != nullptr ? predecessor->timer_next : first_;
        (predecessor != nullptr ? predecessor->timer_next : first_) = &thread;
        if (thread.timer_next != nullptr) thread.timer_next->timer_previous = &thread;
    }

    void remove(Thread& thread) {
        (thread.timer_previous != nullptr ? thread.timer_previous->timer_next : first_) =
            thread.timer_next;
        if (thread.timer_next != nullptr) {
            thread.timer_next->timer_previous = thread.timer_previous;
        }
        thread.timed = false;
    }

  private:
    Thread* first_ = nullptr;
};

}  // namespace redoubt::kernel
