// Untyped memory: the only source of kernel objects. Operates on the capability; there is no object
// behind it.
#pragma once

#include <cstdint>

#include "kernel/cap/capability.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

/// Bytes not given out yet. Everything is free again when nothing derived from the Untyped is left.
std::uint64_t untyped_free_bytes(const Capability& untyped);

/// Would `count` naturally aligned blocks of 2^size_bits bytes fit? Changes nothing.
Result<void> untyped_can_carve(const Capability& untyped, unsigned size_bits, std::uint64_t count);

/// Zeroes what `count` such blocks will be made of, if they have to be zero. That may take long:
/// false if it was interrupted because another thread should run. What was done stays done until
/// the Untyped gives something out.
bool untyped_clean(Capability& untyped, unsigned size_bits, std::uint64_t count);

/// Takes one such block; untyped_can_carve, and it is clean. The caller must then insert a
/// capability derived from `untyped`, or the block is lost until the Untyped has no children.
PhysicalAddress untyped_carve(Capability& untyped, unsigned size_bits);

/// Makes `count` objects in consecutive slots as children of `untyped`. The caller has checked that
/// the slots are empty and that untyped_can_carve, and the memory is clean.
void untyped_retype(Capability& untyped, abi::ObjectType type, unsigned size_bits,
                    Capability* first_slot, std::uint64_t count);

}  // namespace redoubt::kernel
