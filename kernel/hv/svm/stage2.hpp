// Nested paging: the long-mode table format (APM vol. 2, 15.25) keyed by guest-physical addresses.
#pragma once

#include <cstdint>
#include <optional>

#include "arch/page_format.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/mm/mapper.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel::svm {

/// Every access of a guest counts as a user access (15.25.5), hence the user bit in every leaf.
using NptFormat = LongModeFormat<GuestPhysicalAddress, 0, 512, LongModeEntry::kUser>;
using NptMapper = PageMapper<NptFormat>;

Result<void> map(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame, std::uint64_t bytes,
                 PageFlags flags);
void unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes);
std::optional<NptMapper::Translation> translate(const Vm& vm, GuestPhysicalAddress address);

}  // namespace redoubt::kernel::svm
