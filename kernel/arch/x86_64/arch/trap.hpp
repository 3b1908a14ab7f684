// Traps of this processor, for the arch code.
#pragma once

#include "arch/context.hpp"

namespace redoubt::kernel {

/// How far below where a frame pointer points the caller's frame pointer and the return address
/// are.
inline constexpr std::uint64_t kFrameRecordEnd = 0;

/// What the entry code does after a system call (entry.S): the context to continue, and where its
/// message registers are. Without the latter it is the one that came in, and what C functions
/// preserve of it is in the registers still. Without either, nothing has been done yet.
struct Restore {
    UserContext* context = nullptr;
    const UserContext* message = nullptr;
};

/// Fills the IDT of all processors and loads it.
void trap_initialize();
/// Loads it on a further processor.
void trap_load();

/// Schedules: whose context to restore, with everything else of it loaded. With the kernel lock.
UserContext* choose_context();

/// As print_registers_and_backtrace(), of the place where a trap happened.
void print_registers_and_backtrace(const TrapFrame& frame);

}  // namespace redoubt::kernel
