// Traps of this processor, for the arch code.
#pragma once

#include "arch/context.hpp"

namespace redoubt::kernel {

/// How far below where a frame pointer points the caller's frame pointer and the return address
/// are.
inline constexpr std::uint64_t kFrameRecordEnd = 0;

/// Fills the IDT of all processors and loads it.
void trap_initialize();
/// Loads it on a further processor.
void trap_load();

/// As print_registers_and_backtrace(), of the place where a trap happened.
void print_registers_and_backtrace(const TrapFrame& frame);

}  // namespace redoubt::kernel
