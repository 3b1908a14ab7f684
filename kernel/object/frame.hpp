// Frames: mapping one into an AddressSpace or a Vm. The capability remembers where it is mapped.
#pragma once

#include <cstdint>

#include "kernel/cap/capability.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

struct Vm;

/// Of abi::MapFlags.
inline constexpr std::uint64_t kAllMapFlags = 0x1F;

/// `space` is a capability of an AddressSpace or a Vm. A frame capability is mapped in one place at
/// a time. Frames of 2 MiB and more have addresses that are multiples of 2 MiB.
Result<void> frame_map(Capability& frame, const Capability& space, std::uint64_t address,
                       abi::MapFlags flags);
/// Other rights for a page of a frame that is mapped in `vm`, within the capability's rights.
Result<void> frame_protect(const Capability& frame, Vm& vm, std::uint64_t offset,
                           abi::MapFlags flags);
/// How many entries of tables map it at most.
unsigned mapping_entries(const Capability& frame);
/// Nothing happens if it is not mapped.
void frame_unmap(Capability& frame);

}  // namespace redoubt::kernel
