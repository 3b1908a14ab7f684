// Who goes on after an entry, where that needs no scheduler.
#pragma once

#include "arch/cpu_setup.hpp"
#include "arch/paging.hpp"
#include "arch/restore.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

/// Is there a thread that can continue in user mode without asking the scheduler?
inline bool is_chosen(const PerCpu& cpu) {
    return cpu.current != nullptr && !cpu.scheduler->reschedule && cpu.current->vcpu == nullptr;
}

/// Does the thread that came in with `context` simply go on? Nobody has been able to change what of
/// it is in registers.
inline bool goes_on(const UserContext* context) {
    const PerCpu& cpu = this_cpu();
    return is_chosen(cpu) && &cpu.current->context == context;
}

/// After an entry from `context`. The common cases need no scheduler: the same thread goes on (what
/// it needs is loaded), or another one it handed the processor to.
inline UserContext* continue_after(UserContext* context) {
    PerCpu& cpu = this_cpu();
    if (!is_chosen(cpu)) [[unlikely]]
        return choose_context();
    UserContext& next = cpu.current->context;
    if (&next != context) {
        activate(cpu, cpu.current->space->root);
        load_context(cpu, next);
    }
    return &next;
}

}  // namespace redoubt::kernel
