// Floating-point and vector state. The kernel itself uses none of it, so an area's state may stay
// in the registers until another one is needed: fpu_load() is the only place where states are
// exchanged.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::kernel {

/// Bytes of an area (at most 2752, which is what abi::VcpuState has room for). Areas are 64-byte
/// aligned.
std::size_t fpu_state_size();
/// Writes the initial state to an area that is not loaded.
void fpu_initialize(void* area);
/// Makes the registers hold `area`'s state; what they held before is saved to the area it came
/// from.
void fpu_load(void* area);
/// Writes the registers to `area` if its state is the loaded one; it stays loaded.
void fpu_flush(void* area);
/// Writes the registers to the area they belong to; they belong to none then.
void fpu_release();
/// `area` goes away or is about to be overwritten: its state in the registers, if any, is dropped.
void fpu_forget(void* area);

}  // namespace redoubt::kernel
