// How the processor's entries reach the portable kernel, and how it goes back to user space.
//
// Every entry saves the user's registers into this_cpu().context, calls one of the on_… functions
// on the processor's only kernel stack, then asks schedule_and_continue() whose context to restore.
#pragma once

#include <cstdint>

#include "abi/ipc.hpp"
#include "arch/context.hpp"

namespace redoubt::kernel {

/// A fault of user code, in the words of a fault message.
struct TrapInfo {
    abi::FaultKind kind;    ///< PageFault or Exception
    std::uint64_t address;  ///< page fault: the address; exception: the vector
    std::uint64_t
        error_code;  ///< page fault: bit 0 present, 1 write, 4 fetch; else the processor's
};

// -- Called by the entry code; implemented by the portable kernel.
/// on_syscall() is inline, in kernel/syscall/dispatch.hpp.
void on_user_fault(UserContext& context, const TrapInfo& trap);
/// The local timer fired, perhaps before the deadline that was armed: look at ticks_now() and arm
/// it again. Like on_irq it may be called inside take_pending_interrupts() and idle(); it must not
/// switch threads itself.
void on_timer();
/// The interrupt of an irq slot fired. Level-triggered lines are masked until irq_unmask().
void on_irq(unsigned slot);
/// Picks what runs next (idling or running a guest meanwhile) and returns the context to restore.
/// Its address space has been activated.
UserContext& schedule_and_continue();

// -- Implemented by the entry code.
/// Leaves the boot path: calls schedule_and_continue() and goes to user space.
[[noreturn]] void enter_scheduler();

}  // namespace redoubt::kernel
