// Calls and signals between processors: every one arrives, exactly once.
#include "tests/system/smp/stress.hpp"

namespace redoubt::stress {

// shared[0] of the server: its endpoint; shared[1]: its reply object.

void serve_calls(Task& task) {
    const auto endpoint = static_cast<Slot>(task.shared[0]);
    const auto reply = static_cast<Slot>(task.shared[1]);
    native::Received received = native::recv(endpoint, reply);
    for (;; done(task)) {
        must(task, received.error, "receiving");
        native::Message answer{abi::MessageInfo{0, 4}, {}};
        answer.mr[0] = received.message.mr[0] + 1;
        answer.mr[3] = received.message.mr[3];
        received = native::reply_recv(endpoint, reply, answer);
    }
}

void call_others(Task& task) {
    const auto endpoint = static_cast<Slot>(task.partner->shared[0]);
    for (std::uint64_t number = task.random.next();; ++number, done(task)) {
        native::Message message{abi::MessageInfo{7, 4}, {number, 0, 0, ~number}};
        must(task, native::call(endpoint, message), "a call");
        if (message.mr[0] != number + 1 || message.mr[3] != ~number)
            fail(task, "a wrong answer", message.mr[0]);
    }
}

/// shared[0]: what it waits for; shared[1]: what it signals; shared[2]: whether it serves. Waits
/// without a deadline, or with one that must not pass: a signal that gets lost stops both.
void play_ping_pong(Task& task) {
    const auto mine = static_cast<Slot>(task.shared[0]), theirs = static_cast<Slot>(task.shared[1]);
    if (task.shared[2] != 0) native::signal(theirs);
    for (;; done(task)) {
        const bool timed = task.random.one_in(4);
        const auto woken =
            native::wait(mine, timed ? native::ticks() + 600 * ticks_per_second() : abi::kNever);
        must(task, woken.error, "a wait");
        if (woken.value != 1) fail(task, "bits of a signal", woken.value);
        must(task, native::signal(theirs), "a signal");
    }
}

}  // namespace redoubt::stress
