// G-stage translation (Privileged Architecture 8.5): Sv39x4, which has room for 2 TiB, more than
// the kernel's map of physical memory; processors with larger formats have this one too.
#pragma once

#include "arch/page_format.hpp"
#include "kernel/hv/second_level.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel::hext {

inline constexpr unsigned kRootPages = 4;

/// Every access of a guest counts as a user access (8.5.1), hence the user bit in every leaf.
using GStageFormat = SvFormat<GuestPhysicalAddress, 3, 11, 0, 2048, SvEntry::kUser>;
using Stage2 = hv::SecondLevel<GStageFormat>;

}  // namespace redoubt::kernel::hext
