// How operations that may take long let others in: they stop between two steps, and the system call
// is made again from the start when the thread has its next turn.
#pragma once

#include "arch/interrupt.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

/// Takes pending interrupts. True if somebody else should run now, here or in the kernel on another
/// processor. Call it only where everything is
/// consistent: threads may have been woken when it returns, but nothing was destroyed.
inline bool should_give_way() {
    take_pending_interrupts();
    return scheduler().reschedule || kernel_lock_is_wanted();
}

}  // namespace redoubt::kernel
