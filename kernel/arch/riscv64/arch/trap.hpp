// Traps of this processor, for the arch code.
#pragma once

#include "arch/context.hpp"

namespace redoubt::kernel {

/// How far below where a frame pointer points the caller's frame pointer and the return address
/// are (psABI, "Frame Pointer Convention").
inline constexpr std::uint64_t kFrameRecordEnd = 16;

/// Makes this processor trap into entry.S.
void trap_initialize();

/// Calls on_timer() or on_irq() and tells the interrupt controller; `code` is scause's.
void dispatch_interrupt(std::uint64_t code);
/// Finds the interrupt controller, on the boot processor.
void interrupt_initialize();

/// As print_registers_and_backtrace(), of the place where a trap happened.
void print_registers_and_backtrace(const TrapFrame& frame);

}  // namespace redoubt::kernel
