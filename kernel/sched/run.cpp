// What the entry code calls after every entry: choose a thread, and run it or the guest it has
// entered.
#include <utility>

#include "arch/cpu.hpp"
#include "arch/entry.hpp"
#include "arch/fpu.hpp"
#include "arch/interrupt.hpp"
#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/sched/remote.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

void on_timer() { scheduler().timer_fired(); }

void on_irq(unsigned slot) { irq_fired(slot); }

namespace {

/// A step towards the end of what threads left that are gone; whoever runs next pays for it.
void end_orphans() {
    Budget budget;
    orphans().end_some(budget);
}

/// There is no thread to run.
void wait_for_interrupt() {
    PerCpu& cpu = this_cpu();
    fpu_release();  // whoever it was may continue elsewhere
    const bool busy = !orphans().empty() || scheduler().reschedule;
    if (busy) take_pending_interrupts();
    cpu.idle = !busy;
    unlock_kernel();
    if (!busy) idle();
    lock_kernel();
    cpu.idle = false;
    if (std::exchange(cpu.stale_translations, false)) flush_all_user();
}

/// Schedules until there is a thread to continue in user mode; guests run in here.
[[gnu::noinline]] Thread& choose_thread() {
    Scheduler& sched = scheduler();
    for (;;) {
        Thread* thread = current_thread();
        if (thread == nullptr || sched.reschedule) {
            if (!orphans().empty()) end_orphans();
            complete_flushes();
            thread = sched.select();
            if (thread == nullptr) {
                wait_for_interrupt();
                continue;
            }
        }
        if (thread->vcpu == nullptr) return *thread;
        // Finished or preempted: either way the loop finds out what comes next.
        const std::uint64_t deadline = hv::run_deadline(*thread->vcpu);
        if (deadline < sched.armed && deadline > ticks_now()) sched.arm_by(deadline);
        hv::resume_guest(*thread);
    }
}

}  // namespace

UserContext& schedule_and_continue() {
    Thread* thread = current_thread();
    if (thread == nullptr || scheduler().reschedule || thread->vcpu != nullptr) [[unlikely]] {
        thread = &choose_thread();
    }
    activate(thread->space->root);
    return thread->context;
}

}  // namespace redoubt::kernel
