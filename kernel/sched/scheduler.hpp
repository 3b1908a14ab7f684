// The scheduler of one processor: 256 priorities, round robin within one, direct hand-over for IPC.
// Threads that wake up go where they ran last if they can run there at once, else where they can;
// a processor that has nothing better takes from the others' queues.
#pragma once

#include <bit>
#include <cstdint>

#include "abi/object.hpp"
#include "arch/cpu.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/object/scheduling_context.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/thread_queue.hpp"
#include "kernel/sched/timer_queue.hpp"

namespace redoubt::kernel {

/// The thread that runs on this processor, or nullptr if the last one has blocked or stopped. It is
/// in no queue.
inline Thread*& current_thread() { return this_cpu().current; }

inline bool may_run_on(const Thread& thread, unsigned processor) {
    return (thread.affinity >> processor & 1) != 0;
}

/// For code that exists twice. With one, the processor is the one of index 0 and nobody else is in
/// the kernel.
enum class Processors { One, Several };

struct Scheduler {
    bool reschedule = false;  ///< somebody else than the current thread may have to run
    bool slice_over = false;  ///< the current thread gives way to others of its priority
    /// kNever while nobody shares the current thread's priority.
    std::uint64_t slice_end = abi::kNever;
    std::uint64_t slice_ticks = 0;
    /// What the hardware timer has: never later than the next needed deadline.
    std::uint64_t armed = abi::kNever;
    int best_ready = -1;  ///< highest priority in `ready`, -1 if nobody is ready
    std::uint64_t ready_bitmap[abi::kPriorityCount / 64] = {};
    ThreadQueue ready[abi::kPriorityCount];
    TimerQueue timers;
    /// The current thread's, or the last one's until another one is chosen.
    SchedulingContext* charged = nullptr;
    std::uint64_t charged_at = 0;  ///< up to when it has been
    /// When to look whether the current thread's has time left.
    std::uint64_t limit_end = abi::kNever;

    /// Makes a thread Ready that was in no queue, on the processor that suits it best.
    void wake(Thread& thread);
    /// The current thread is about to be in `state`, which is neither Ready nor Running.
    void block_current(ThreadState state) {
        Thread& current = *current_thread();
        if (current.scheduling != nullptr) --current.scheduling->runnable;
        current.state = state;
        current_thread() = nullptr;
        reschedule = true;
    }
    /// As block_current; `next`, its peer, runs at once unless somebody better is ready.
    void block_and_hand_over(ThreadState state, Thread& next) {
        PerCpu& cpu = this_cpu();
        if (can_hand_over<Processors::Several>(cpu, next)) [[likely]] {
            hand_over<Processors::Several>(cpu, state, next);
        } else {
            hand_over_slowly(state, next);
        }
    }

    // For the short ways of system calls, on this processor: each first asks whether it can go.

    /// May `next`, a peer in no queue, run in the current thread's place, nobody else being asked?
    template <Processors kProcessors>
    bool can_hand_over(const PerCpu& cpu, const Thread& next) const {
        return next.priority > best_ready && next.scheduling == charged &&
               (kProcessors == Processors::One || may_run_on(next, cpu.index));
    }
    /// The current thread is in `state` from now on.
    template <Processors kProcessors>
    void hand_over(PerCpu& cpu, ThreadState state, Thread& next) {
        cpu.current->state = state;
        run<kProcessors>(cpu, next);
    }
    /// May `next`, in no queue and better than the current thread, push it aside? If there are
    /// several processors another one may be the right place for either.
    template <Processors kProcessors>
    bool can_preempt(const PerCpu& cpu, const Thread& next) const {
        return kProcessors == Processors::One && next.priority > cpu.current->priority &&
               next.scheduling == charged && slice_end == abi::kNever && orphans().empty();
    }
    void preempt(PerCpu& cpu, Thread& next) {
        cpu.current->state = ThreadState::Ready;
        push_front(*cpu.current);
        next.slice_left = 0;
        if (charged != nullptr) ++charged->runnable;
        run<Processors::One>(cpu, next);
    }
    /// May the current thread block and the best ready one run?
    template <Processors kProcessors>
    bool can_take_best() const {
        return kProcessors == Processors::One && best_ready >= 0 &&
               ready[best_ready].front()->vcpu == nullptr &&
               ready[best_ready].front()->scheduling == charged && orphans().empty();
    }
    /// The current thread is in `state` from now on.
    Thread& take_best(PerCpu& cpu, ThreadState state) {
        if (charged != nullptr) --charged->runnable;
        cpu.current->state = state;
        Thread& next = *ready[best_ready].front();
        remove(next);
        slice_end = abi::kNever;
        run<Processors::One>(cpu, next);
        if (next.priority == best_ready) begin_slice();
        return next;
    }

    /// Takes a Ready or Running thread off its processor, whichever it is; it is Inactive then. A
    /// system call that it has made but that has not begun will be made again.
    void take_off(Thread& thread);
    /// Lets the others of the current thread's priority run first.
    void yield();
    void change_priority(Thread& thread, std::uint8_t priority);
    /// Its processor time is counted as that of `scheduling`, which may be nullptr, from now on.
    void bind(Thread& thread, SchedulingContext* scheduling);

    /// Charges for the time up to now.
    void settle(std::uint64_t now);
    /// As settle(); what comes is charged to `next`, which may be nullptr.
    void charge_to(SchedulingContext* next);
    /// Wakes threads that waited for a new period, some at a time.
    void release(SchedulingContext& scheduling);

    /// Somebody else than this processor's current thread may have to run on it.
    void request_reschedule(unsigned processor);

    void add_timer(Thread& thread, std::uint64_t deadline);
    /// From whichever processor's queue it is in.
    void remove_timer(Thread& thread);
    /// Makes the hardware timer fire at `deadline` or earlier.
    void arm_by(std::uint64_t deadline);
    /// The hardware timer fired: ends timed waits and the time slice.
    void timer_fired();

    /// Chooses the current thread; nullptr if there is nothing to run. One that is preempted by a
    /// better one goes on with what is left of its slice.
    Thread* select();

  private:
    /// In the current thread's place.
    template <Processors kProcessors>
    static void run(PerCpu& cpu, Thread& next) {
        next.state = ThreadState::Running;
        if (kProcessors == Processors::Several) next.processor = cpu.index;
        cpu.current = &next;
    }
    void hand_over_slowly(ThreadState state, Thread& next);
    void push_back(Thread& thread) {
        ready[thread.priority].push_back(thread);
        mark_ready(thread.priority);
    }
    void push_front(Thread& thread) {
        ready[thread.priority].push_front(thread);
        mark_ready(thread.priority);
    }
    void remove(Thread& thread) {
        ThreadQueue& queue = ready[thread.priority];
        queue.remove(thread);
        if (queue.empty()) mark_empty(thread.priority);
    }
    void mark_ready(unsigned priority) {
        ready_bitmap[priority / 64] |= std::uint64_t{1} << priority % 64;
        if (static_cast<int>(priority) > best_ready) best_ready = static_cast<int>(priority);
    }
    void mark_empty(unsigned priority) {
        ready_bitmap[priority / 64] &= ~(std::uint64_t{1} << priority % 64);
        if (static_cast<int>(priority) == best_ready)
            best_ready = find_best_ready(static_cast<int>(priority / 64));
    }
    /// The best thread that waits for another processor and may run on this one, if it is better
    /// than that.
    Thread* find_elsewhere(int better_than) const;
    Thread* find_best_for(unsigned processor, int better_than) const;
    void start(Thread& thread);
    /// For a thread in no queue, which may be the current one.
    void throttle(Thread& thread);
    /// Makes the first ready thread be one that need not wait for a new period. False if that takes
    /// longer: interrupts are to be let in.
    bool throttle_first();
    void leave_throttled(Thread& thread);
    /// Makes the timer fire when what is charged may be used up.
    void watch_limit();
    std::uint64_t slice_of(const Thread& thread) const;
    /// For the current thread, whose priority somebody shares.
    void begin_slice();
    void give_up_processor(Thread& thread, bool to_equals);
    /// In this word of the bitmap and those below.
    int find_best_ready(int word) const {
        for (; word >= 0; --word) {
            if (ready_bitmap[word] != 0)
                return word * 64 + 63 - std::countl_zero(ready_bitmap[word]);
        }
        return -1;
    }
};

/// The scheduler of this processor.
inline Scheduler& scheduler() { return *this_cpu().scheduler; }

/// Calls function(its scheduler, its index) for every processor that charges `scheduling`.
template <class Function>
void for_each_charging(const SchedulingContext& scheduling, Function&& function) {
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (cpu(i).scheduler->charged == &scheduling) function(*cpu(i).scheduler, i);
    }
}

/// Makes every processor that runs one of its threads choose one anew.
void reschedule_everywhere(const SchedulingContext& scheduling);

/// Those of all processors; called once, before anything is scheduled.
void initialize_schedulers();

}  // namespace redoubt::kernel
