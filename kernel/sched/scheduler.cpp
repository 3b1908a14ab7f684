// The scheduler of one processor: 256 priorities, round robin within one, direct hand-over for IPC.
#include "kernel/sched/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "arch/timer.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/sched/remote.hpp"

namespace redoubt::kernel {

namespace {

constexpr std::uint64_t kSlicesPerSecond = 100;
/// The shortest slice is that part of the usual one.
constexpr std::uint64_t kShortestSlice = 100;
/// A limit may be exceeded by that, on each processor; the next period is shorter by as much.
constexpr std::uint64_t kLimitChecksPerSecond = 10'000;
/// Threads that begin or end to wait for a new period, with interrupts off.
constexpr unsigned kThrottleStep = 32;

bool must_wait(const Thread& thread) {
    return thread.scheduling != nullptr && thread.scheduling->has_limit() &&
           !thread.scheduling->has_time(ticks_now());
}

bool is_runnable(const Thread& thread) {
    return thread.state == ThreadState::Ready || thread.state == ThreadState::Running;
}

void count_runnable(const Thread& thread, int change) {
    if (thread.scheduling != nullptr) thread.scheduling->runnable += change;
}

/// Nothing to do and nothing coming.
bool is_free(const PerCpu& processor) {
    return processor.current == nullptr && processor.scheduler->best_ready < 0;
}

/// The highest priority that a processor runs or is about to run, -1 if there is nothing.
int load_of(const PerCpu& processor) {
    const int running = processor.current != nullptr ? processor.current->priority : -1;
    return std::max(running, processor.scheduler->best_ready);
}

/// Where a thread that wakes up goes: to where it ran last if nothing runs there, to any processor
/// where nothing runs, to where it ran last if it is better than what runs there, to where the
/// least runs.
unsigned choose_processor(const Thread& thread) {
    if (cpu_count() == 1) return 0;
    const unsigned last = thread.processor;
    const bool may_return = may_run_on(thread, last);
    if (may_return && is_free(cpu(last))) return last;
    unsigned least = last;
    int least_load = abi::kPriorityCount;
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (!may_run_on(thread, i)) continue;
        const int load = load_of(cpu(i));
        if (load < 0) return i;
        if (load < least_load) {
            least = i;
            least_load = load;
        }
    }
    if (may_return && (load_of(cpu(last)) < thread.priority || least_load >= thread.priority))
        return last;
    return least;
}

}  // namespace

void initialize_schedulers() {
    for (unsigned i = 0; i < cpu_count(); ++i) {
        *cpu(i).scheduler = Scheduler{};
        cpu(i).scheduler->slice_ticks = ticks_per_second() / kSlicesPerSecond;
    }
}

std::uint64_t Scheduler::slice_of(const Thread& thread) const {
    const SchedulingContext* scheduling = thread.scheduling;
    if (scheduling == nullptr) return slice_ticks;
    const std::uint64_t slice =
        slice_ticks * scheduling->weight / abi::kNormalWeight / scheduling->runnable;
    return std::max(slice, slice_ticks / kShortestSlice);
}

void Scheduler::begin_slice() {
    const std::uint64_t left = std::exchange(current_thread()->slice_left, 0);
    slice_end = ticks_now() + (left != 0 ? left : slice_of(*current_thread()));
    arm_by(slice_end);
}

void Scheduler::wake(Thread& thread) {
    if (must_wait(thread)) return throttle(thread);
    if (!is_runnable(thread)) count_runnable(thread, 1);
    thread.state = ThreadState::Ready;
    thread.slice_left = 0;
    thread.processor = choose_processor(thread);
    PerCpu& where = cpu(thread.processor);
    where.scheduler->push_back(thread);
    const Thread* current = where.current;
    if (current == nullptr || thread.priority > current->priority) {
        request_reschedule(thread.processor);
    } else if (thread.priority == current->priority && where.scheduler->slice_end == abi::kNever) {
        if (where.scheduler == this) {
            begin_slice();
        } else {
            request_reschedule(thread.processor);
        }
    }
}

void Scheduler::request_reschedule(unsigned processor) {
    Scheduler& other = *cpu(processor).scheduler;
    // If the other processor has been told already, it has not been in select() since.
    if (!std::exchange(other.reschedule, true) && &other != this) interrupt_processor(processor);
}

Thread* Scheduler::find_best_for(unsigned processor, int better_than) const {
    for (int priority = best_ready; priority > better_than; --priority) {
        for (Thread* thread = ready[priority].front(); thread != nullptr;
             thread = thread->queue_next) {
            if (may_run_on(*thread, processor) && !must_wait(*thread)) return thread;
        }
    }
    return nullptr;
}

Thread* Scheduler::find_elsewhere(int better_than) const {
    Thread* best = nullptr;
    for (unsigned i = 0; i < cpu_count(); ++i) {
        const Scheduler& other = *cpu(i).scheduler;
        if (&other == this) continue;
        const int known = best != nullptr ? best->priority : better_than;
        if (Thread* found = other.find_best_for(this_cpu().index, known); found != nullptr)
            best = found;
    }
    return best;
}

void Scheduler::start(Thread& thread) {
    run<Processors::Several>(this_cpu(), thread);
    if (thread.scheduling != charged) charge_to(thread.scheduling);
    watch_limit();
    if (slice_end == abi::kNever && thread.priority == best_ready) begin_slice();
}

void Scheduler::hand_over_slowly(ThreadState state, Thread& next) {
    const bool asked = reschedule;
    block_current(state);
    if (next.priority < best_ready || !may_run_on(next, this_cpu().index) || must_wait(next))
        return wake(next);
    count_runnable(next, 1);
    start(next);
    reschedule = asked;
}

void Scheduler::take_off(Thread& thread) {
    PerCpu& where = cpu(thread.processor);
    if (is_runnable(thread)) count_runnable(thread, -1);
    if (thread.state == ThreadState::Throttled) {
        leave_throttled(thread);
    } else if (thread.state == ThreadState::Running) {
        if (where.scheduler != this) {
            hold_thread(thread);
            if (thread.vcpu == nullptr) repeat_entry(thread.context);
        }
        where.current = nullptr;
        where.scheduler->reschedule = true;
    } else {
        where.scheduler->remove(thread);
    }
    thread.state = ThreadState::Inactive;
}

void Scheduler::yield() {
    slice_over = true;
    reschedule = true;
}

void Scheduler::change_priority(Thread& thread, std::uint8_t priority) {
    const bool queued = thread.state == ThreadState::Ready;
    if (queued) cpu(thread.processor).scheduler->remove(thread);
    thread.priority = priority;
    if (queued) {
        wake(thread);  // another processor may suit it better now
    } else if (thread.state == ThreadState::Running) {
        request_reschedule(thread.processor);
    }
}

void Scheduler::bind(Thread& thread, SchedulingContext* scheduling) {
    if (is_runnable(thread)) count_runnable(thread, -1);
    if (thread.state == ThreadState::Throttled) leave_throttled(thread);
    thread.scheduling = scheduling;
    if (is_runnable(thread)) count_runnable(thread, 1);
    if (thread.state == ThreadState::Throttled) wake(thread);
    if (thread.state != ThreadState::Running) return;
    cpu(thread.processor).scheduler->charge_to(scheduling);
    request_reschedule(thread.processor);
}

void Scheduler::settle(std::uint64_t now) {
    if (charged == nullptr) return;
    if (charged->charge(std::exchange(charged_at, now), now)) reschedule_everywhere(*charged);
}

void Scheduler::charge_to(SchedulingContext* next) {
    const std::uint64_t now = ticks_now();
    settle(now);
    charged = next;
    charged_at = now;
    limit_end = abi::kNever;
}

void Scheduler::watch_limit() {
    if (limit_end != abi::kNever || charged == nullptr || !charged->has_limit()) return;
    // Others may be using it up, too.
    const std::uint64_t left = charged->budget - std::min(charged->used, charged->budget);
    limit_end =
        ticks_now() + std::max(left / cpu_count(), ticks_per_second() / kLimitChecksPerSecond);
    arm_by(limit_end);
}

void Scheduler::throttle(Thread& thread) {
    if (is_runnable(thread)) count_runnable(thread, -1);
    if (&thread == current_thread()) current_thread() = nullptr;
    thread.state = ThreadState::Throttled;
    SchedulingContext& scheduling = *thread.scheduling;
    if (scheduling.waiting.empty()) add_timer(thread, scheduling.period_end);
    scheduling.waiting.push_back(thread);
}

void Scheduler::leave_throttled(Thread& thread) {
    SchedulingContext& scheduling = *thread.scheduling;
    scheduling.waiting.remove(thread);
    if (!thread.timed) return;
    remove_timer(thread);
    if (!scheduling.waiting.empty()) add_timer(*scheduling.waiting.front(), scheduling.period_end);
}

void Scheduler::release(SchedulingContext& scheduling) {
    ThreadQueue& waiting = scheduling.waiting;
    if (waiting.front()->timed) remove_timer(*waiting.front());
    if (!scheduling.has_time(ticks_now()))
        return add_timer(*waiting.front(), scheduling.period_end);
    // The first one has used up the budget last time, so others come before it.
    waiting.push_back(waiting.pop_front());
    for (unsigned i = 0; i < kThrottleStep && !waiting.empty(); ++i) wake(waiting.pop_front());
    if (!waiting.empty()) add_timer(*waiting.front(), ticks_now());
}

void reschedule_everywhere(const SchedulingContext& scheduling) {
    for_each_charging(scheduling, [](Scheduler& owner, unsigned processor) {
        owner.limit_end = abi::kNever;
        scheduler().request_reschedule(processor);
    });
}

void Scheduler::add_timer(Thread& thread, std::uint64_t deadline) {
    timers.insert(thread, deadline);
    thread.timer_processor = static_cast<std::uint8_t>(this_cpu().index);
    arm_by(deadline);
}

void Scheduler::remove_timer(Thread& thread) {
    cpu(thread.timer_processor).scheduler->timers.remove(thread);
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
        thread.state == ThreadState::Throttled ? release(*thread.scheduling)
                                               : notification_time_out(thread);
    }
    if (limit_end <= now) {
        limit_end = abi::kNever;
        reschedule = true;
    }
    if (slice_end <= now) {
        slice_end = abi::kNever;
        yield();
    }
    arm_by(std::min({slice_end, limit_end, timers.next_deadline()}));
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
    // It need not wait for this processor if another one has nothing to do, or nothing as good.
    unsigned least = this_cpu().index;
    int least_load = thread.priority;
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (!may_run_on(thread, i) || load_of(cpu(i)) >= least_load) continue;
        least = i;
        least_load = load_of(cpu(i));
    }
    if (least != this_cpu().index) request_reschedule(least);
}

bool Scheduler::throttle_first() {
    for (unsigned step = 0; step < kThrottleStep; ++step) {
        if (best_ready < 0) return true;
        Thread& first = *ready[best_ready].front();
        if (!must_wait(first)) return true;
        remove(first);
        throttle(first);
    }
    reschedule = true;
    return false;
}

Thread* Scheduler::select() {
    if (charged != nullptr && charged->has_limit()) settle(ticks_now());
    reschedule = false;
    if (current_thread() != nullptr && must_wait(*current_thread())) throttle(*current_thread());
    Thread* current = current_thread();
    if (!throttle_first()) return current;
    const bool give_way = std::exchange(slice_over, false);
    const int known =
        current != nullptr ? std::max<int>(current->priority, best_ready) : best_ready;
    Thread* next = cpu_count() > 1 ? find_elsewhere(known) : nullptr;
    if (current != nullptr) {
        if (next == nullptr && best_ready < current->priority + (give_way ? 0 : 1)) {
            // A change of priorities may have given it an equal.
            if (best_ready == current->priority && slice_end == abi::kNever) begin_slice();
            watch_limit();
            return current;
        }
        give_up_processor(*current, give_way);
    }
    if (next == nullptr && best_ready >= 0) next = ready[best_ready].front();
    if (next == nullptr) {
        charge_to(nullptr);
        return nullptr;
    }
    cpu(next->processor).scheduler->remove(*next);
    slice_end = abi::kNever;
    start(*next);
    return next;
}

}  // namespace redoubt::kernel
