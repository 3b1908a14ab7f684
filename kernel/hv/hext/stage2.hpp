// G-stage translation (Privileged Architecture 8.5): Sv39x4, Sv48x4 or Sv57x4, whichever suffices
// for a VM.
#pragma once

#include "arch/page_format.hpp"
#include "kernel/hv/second_level.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel::hext {

inline constexpr unsigned kRootPages = 4;

/// Every access of a guest counts as a user access (8.5.1), hence the user bit in every leaf.
template <unsigned kLevels>
using GStageFormat = SvFormat<GuestPhysicalAddress, kLevels, 11, 0, 2048, SvEntry::kUser>;

/// See hv::HypervisorBackend for these.
unsigned table_levels(unsigned address_bits);
Result<void> map(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame, std::uint64_t bytes,
                 PageFlags flags);
void unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes);

/// Do the tables permit the access of this Mmio exit?
bool permits(const Vm& vm, const abi::Exit& exit);

}  // namespace redoubt::kernel::hext
