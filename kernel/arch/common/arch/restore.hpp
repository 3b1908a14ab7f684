// How a system call ends, for the entry code.
#pragma once

#include "arch/context.hpp"

namespace redoubt::kernel {

/// What the entry code does after a system call (entry.S): the context to continue, and where its
/// message registers are. Without the latter it is the one that came in, and what C functions
/// preserve of it is in the registers still. Without either, nothing has been done yet.
struct Restore {
    UserContext* context = nullptr;
    const UserContext* message = nullptr;
};

/// Schedules: whose context to restore, with everything else of it loaded. With the kernel lock.
UserContext* choose_context();

// The short ways of system calls (fast_entry.cpp), where there is one processor alone and where
// there are several.
using ShortWayEntry = Restore(UserContext& context);
extern "C" {
ShortWayEntry fast_call_alone, fast_reply_recv_alone, fast_signal_alone, fast_wait_alone,
    fast_vcpu_run_alone;
ShortWayEntry fast_call_locking, fast_reply_recv_locking, fast_signal_locking, fast_wait_locking,
    fast_vcpu_run_locking;
}

}  // namespace redoubt::kernel
