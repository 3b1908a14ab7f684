// The scheduler of one processor: 256 priorities, round robin within one, direct hand-over for IPC.
// Threads that wake up go where they ran last if they can run there at once, else where they can;
// a processor that has nothing better takes from the others' queues.
#pragma once

#include <cstdint>

#include "abi/object.hpp"
#include "arch/cpu.hpp"
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

struct Scheduler {
    bool reschedule = false;  ///< somebody else than the current thread may have to run
    bool slice_over = false;  ///< the current thread gives way to others of its priority
    std::uint64_t slice_end =
        abi::kNever;  ///< kNever while nobody shares the current thread's priority
    std::uint64_t slice_ticks = 0;
    std::uint64_t armed =
        abi::kNever;  ///< what the hardware timer has: never later than the next needed deadline
    int best_ready = -1;  ///< highest priority in `ready`, -1 if nobody is ready
    std::uint64_t ready_bitmap[abi::kPriorityCount / 64] = {};
    ThreadQueue ready[abi::kPriorityCount];
    TimerQueue timers;

    /// Makes a thread Ready that was in no queue, on the processor that suits it best.
    void wake(Thread& thread);
    /// The current thread is about to be in `state`, which is neither Ready nor Running.
    void block_current(ThreadState state) {
        current_thread()->state = state;
        current_thread() = nullptr;
        reschedule = true;
    }
    /// As block_current; `next`, its peer, runs at once unless somebody better is ready.
    void block_and_hand_over(ThreadState state, Thread& next) {
        const unsigned here = this_cpu().index;
        if (next.priority <= best_ready || !may_run_on(next, here)) [[unlikely]] {
            block_current(state);
            if (next.priority < best_ready || !may_run_on(next, here)) {
                wake(next);
            } else {
                start(next);
                reschedule = false;
            }
            return;
        }
        current_thread()->state = state;
        next.state = ThreadState::Running;
        next.processor = here;
        current_thread() = &next;
    }
    /// Takes a Ready or Running thread off its processor, whichever it is; it is Inactive then. A
    /// system call that it has made but that has not begun will be made again.
    void take_off(Thread& thread);
    /// Lets the others of the current thread's priority run first.
    void yield();
    void change_priority(Thread& thread, std::uint8_t priority);

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
    void push_back(Thread& thread);
    void push_front(Thread& thread);
    void remove(Thread& thread);
    /// Somebody else than this processor's current thread may have to run on it.
    void request_reschedule(unsigned processor);
    /// The best thread that waits for another processor and may run on this one, if it is better
    /// than that.
    Thread* find_elsewhere(int better_than) const;
    Thread* find_best_for(unsigned processor, int better_than) const;
    void start(Thread& thread);
    /// For the current thread, whose priority somebody shares.
    void begin_slice();
    void give_up_processor(Thread& thread, bool to_equals);
    int find_best_ready() const;
};

/// The scheduler of this processor.
inline Scheduler& scheduler() { return *this_cpu().scheduler; }

/// Those of all processors; called once, before anything is scheduled.
void initialize_schedulers();

}  // namespace redoubt::kernel
