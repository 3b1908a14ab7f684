// A queue of threads, linked through the threads themselves. A thread is in one queue at most.
#pragma once

#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

class ThreadQueue {
  public:
    bool empty() const { return first_ == nullptr; }
    Thread* front() const { return first_; }

    void push_back(Thread& thread) { insert_behind(thread, last_); }
    void push_front(Thread& thread) { insert_behind(thread, nullptr); }

    /// Behind all threads of its priority or a higher one.
    void insert_by_priority(Thread& thread) {
        Thread* predecessor = last_;
        while (predecessor != nullptr && predecessor->priority < thread.priority) {
            predecessor = predecessor->queue_previous;
        }
        insert_behind(thread, predecessor);
    }

    void remove(Thread& thread) {
        (thread.queue_previous != nullptr ? thread.queue_previous->queue_next : first_) =
            thread.queue_next;
        (thread.queue_next != nullptr ? thread.queue_next->queue_previous : last_) =
            thread.queue_previous;
    }

    Thread& pop_front() {
        Thread& thread = *first_;
        first_ = thread.queue_next;
        (first_ != nullptr ? first_->queue_previous : last_) = nullptr;
        return thread;
    }

  private:
    void insert_behind(Thread& thread, Thread* predecessor) {
        if (first_ == nullptr) {
            thread.queue_previous = thread.queue_next = nullptr;
            first_ = last_ = &thread;
            return;
        }
        thread.queue_previous = predecessor;
        thread.queue_next = predecessor != nullptr ? predecessor->queue_next : first_;
        (predecessor != nullptr ? predecessor->queue_next : first_) = &thread;
        (thread.queue_next != nullptr ? thread.queue_next->queue_previous : last_) = &thread;
    }

    Thread* first_ = nullptr;
    Thread* last_ = nullptr;
};

}  // namespace redoubt::kernel
