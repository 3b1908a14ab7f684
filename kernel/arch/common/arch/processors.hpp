// Starting the further processors.
#pragma once

#include "arch/boot_allocator.hpp"

namespace redoubt::kernel {

/// Starts every processor that the firmware's tables name, one after the other. They wait for the
/// kernel lock, which the caller holds, before they do anything. One that does not come up is
/// reported.
void start_processors(const BootInformation& information, BootAllocator& allocator);

}  // namespace redoubt::kernel
