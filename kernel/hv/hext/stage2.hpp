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
Result<void> protect(Vm& vm, GuestPhysicalAddress page, PageFlags flags, std::uint64_t frame_bytes);

/// Calls `function` with the hv::SecondLevel of the VM's format.
template <class Function>
inline auto in_format_of(const Vm& vm, Function&& function) {
    if (vm.table_levels == 3) [[likely]]
        return function(hv::SecondLevel<GStageFormat<3>>{});
    if (vm.table_levels == 4) return function(hv::SecondLevel<GStageFormat<4>>{});
    return function(hv::SecondLevel<GStageFormat<5>>{});
}

/// Do the tables permit the access of this Mmio exit?
inline bool permits(const Vm& vm, const abi::Exit& exit) {
    return in_format_of(vm, [&](auto stage2) { return stage2.permits(vm, exit); });
}

}  // namespace redoubt::kernel::hext
