// The scheduler of one processor: 256 priorities, round robin within one, direct hand-over for IPC.
#include "kernel/sched/scheduler.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "arch/timer.hpp"
#include "kernel/object/notification.hpp"

namespace redoubt::kernel {

namespace {

constexpr std::uint64_t kSlicesPerSecond = 100;

}  // namespace

void initialize_scheduler() {
    scheduler() = Scheduler{};
    scheduler().slice_ticks = ticks_per_second() / kSlicesPerSecond;
}

int Scheduler::find_best_ready() const {
    for (int word = abi::kPriorityCount / 64 - 1; word >= 0; --word) {
        if (ready_bitmap[word] != 0) return word * 64 + 63 - std::countl_zero(ready_bitmap[word]);
    }
    return -1;
}

void Scheduler::push_back(Thread& thread) {
    ready[thread.priority].push_back(thread);
    ready_bitmap[thread.priority / 64] |= std::uint64_t{1} << thread.priority % 64;
    if (thread.priority > best_ready) best_ready = thread.priority;
}

void Scheduler::push_front(Thread& thread) {
    ready[thread.priority].push_front(thread);
    ready_bitmap[thread.priority / 64] |= std::uint64_t{1} << thread.priority % 64;
    if (thread.priority > best_ready) best_ready = thread.priority;
}

void Scheduler::remove(Thread& thread) {
    ThreadQueue& queue = ready[thread.priority];
    queue.remove(thread);
    if (!queue.empty()) return;
    ready_bitmap[thread.priority / 64] &= ~(std::uint64_t{1} << thread.priority % 64);
    if (thread.priority == best_ready) best_ready = find_best_ready();
}

void Scheduler::begin_slice() {
    const std::uint64_t left = std::exchange(current_thread()->slice_left, 0);
    slice_end = ticks_now() + (left != 0 ? left : slice_ticks);
    arm_by(slice_end);
}

void Scheduler::wake(Thread& thread) {
    thread.state = ThreadState::Ready;
    thread.slice_left = 0;
    push_back(thread);
    const Thread* current = current_thread();
    if (current == nullptr || thread.priority > current->priority) {
        reschedule = true;
    } else if (thread.priority == current->priority && slice_end == abi::kNever) {
        begin_slice();
    }
}

void Scheduler::start(Thread& thread) {
    thread.state = ThreadState::Running;
    current_thread() = &thread;
    if (slice_end == abi::kNever && thread.priority == best_ready) begin_slice();
}

void Scheduler::take_off(Thread& thread) {
    if (thread.state == ThreadState::Running) {
        current_thread() = nullptr;
        reschedule = true;
    } else {
        remove(thread);
    }
    thread.state = ThreadState::Inactive;
}

void Scheduler::yield() {
    slice_over = true;
    reschedule = true;
}

void Scheduler::change_priority(Thread& thread, std::uint8_t priority) {
    const bool queued = thread.state == ThreadState::Ready;
    if (queued) remove(thread);
    thread.priority = priority;
    if (queued) push_back(thread);
    reschedule = true;
}

void Scheduler::add_timer(Thread& thread, std::uint64_t deadline) {
    timers.insert(thread, deadline);
    arm_by(deadline);
}

void Scheduler::arm_by(std::uint64_t deadline) {
    if (deadline >= armed) return;
    armed = deadline;
    arm_timer(deadline);
}

void Scheduler::timer_fired() {
    armed = abi::kNever;
    const std::uint64_t now = ticks_now();
    while (timers.next_deadline() <= now) {
        Thread& thread = *timers.front();
        timers.remove(thread);
        notification_time_out(thread);
    }
    if (slice_end <= now) {
        slice_end = abi::kNever;
        yield();
    }
    arm_by(std::min(slice_end, timers.next_deadline()));
}

void Scheduler::give_up_processor(Thread& thread, bool to_equals) {
    const std::uint64_t now = slice_end != abi::kNever ? ticks_now() : 0;
    thread.state = ThreadState::Ready;
    if (to_equals || slice_end <= now) {
        thread.slice_left = 0;
        push_back(thread);
    } else {
        if (slice_end != abi::kNever) thread.slice_left = slice_end - now;
        push_front(thread);
    }
    current_thread() = nullptr;
}

Thread* Scheduler::select() {
    reschedule = false;
    const bool give_way = std::exchange(slice_over, false);
    if (Thread* current = current_thread(); current != nullptr) {
        if (best_ready < current->priority + (give_way ? 0 : 1)) {
            // A change of priorities may have given it an equal.
            if (best_ready == current->priority && slice_end == abi::kNever) begin_slice();
            return current;
        }
        give_up_processor(*current, give_way);
    }
    if (best_ready < 0) return nullptr;
    Thread& next = *ready[best_ready].front();
    remove(next);
    slice_end = abi::kNever;
    start(next);
    return &next;
}

}  // namespace redoubt::kernel
