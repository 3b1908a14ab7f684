// Traps of this processor, for the arch code.
#pragma once

#include "arch/context.hpp"

namespace redoubt::kernel {

/// Fills the IDT of all processors and loads it.
void trap_initialize();
/// Loads it on a further processor.
void trap_load();

/// As print_registers_and_backtrace(), of the place where a trap happened.
void print_registers_and_backtrace(const TrapFrame& frame);

}  // namespace redoubt::kernel
