// Endpoint: where callers meet receivers. One of the two waits in its queue, never both.
#pragma once

#include "kernel/object/ending.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/thread_queue.hpp"

namespace redoubt::kernel {

struct Endpoint : ObjectHeader {
    Endpoint() : ObjectHeader{abi::ObjectType::Endpoint} {}

    bool has_receiver() const {
        return !queue.empty() && queue.front()->state == ThreadState::Receiving;
    }
    bool has_caller() const {
        return !queue.empty() && queue.front()->state == ThreadState::Calling;
    }

    ThreadQueue queue;  ///< by priority
};

/// False if the budget did not suffice.
bool endpoint_end(Endpoint& endpoint, Budget& budget);

}  // namespace redoubt::kernel
