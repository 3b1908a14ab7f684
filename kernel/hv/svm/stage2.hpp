// Nested paging: the long-mode table format (APM vol. 2, 15.25) keyed by guest-physical addresses.
#pragma once

#include "arch/page_format.hpp"
#include "kernel/hv/second_level.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel::svm {

/// Every access of a guest counts as a user access (15.25.5), hence the user bit in every leaf.
using NptFormat = LongModeFormat<GuestPhysicalAddress, 0, 512, LongModeEntry::kUser>;

/// See hv::HypervisorBackend.
constexpr unsigned table_levels(unsigned address_bits) {
    return address_bits <= kPageBits + NptFormat::kEntryBits * NptFormat::kLevels
               ? NptFormat::kLevels
               : 0;
}
using Stage2 = hv::SecondLevel<NptFormat>;

}  // namespace redoubt::kernel::svm
