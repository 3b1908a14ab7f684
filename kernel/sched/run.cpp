// What the entry code calls after every entry: choose a thread, and run it or the guest it has entered.
#include "arch/cpu.hpp"
#include "arch/entry.hpp"
#include "arch/paging.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

void on_timer() { scheduler().timer_fired(); }

void on_irq(unsigned slot) { irq_fired(slot); }

UserContext& schedule_and_continue() {
    PerCpu& cpu = this_cpu();
    Scheduler& sched = *cpu.scheduler;
    for (;;) {
        Thread* thread = cpu.current;
        if (thread == nullptr || sched.reschedule) {
            thread = sched.select();
            if (thread == nullptr) {
                idle();
                continue;
            }
        }
        if (thread->vcpu != nullptr) [[unlikely]] {
            // Finished or preempted: either way the loop finds out what comes next.
            const std::uint64_t deadline = hv::run_deadline(*thread->vcpu);
            if (deadline < sched.armed && deadline > ticks_now()) sched.arm_by(deadline);
            hv::resume_guest(*thread);
            continue;
        }
        activate(thread->space->root);
        return thread->context;
    }
}

}  // namespace redoubt::kernel
