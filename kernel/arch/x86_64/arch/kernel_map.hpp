// Building the kernel's mappings, for the arch code.
#pragma once

#include "arch/boot_allocator.hpp"

namespace redoubt::kernel {

/// Replaces the boot tables. `allocator` must outlive the boot phase.
void kernel_map_initialize(const BootInformation& information, BootAllocator& allocator);
/// Makes a page of the direct map a guard page.
void unmap_kernel_page(const void* page);
/// What a processor needs before it can use the kernel's tables.
void kernel_map_prepare_processor();
/// Ends the boot phase: the kernel's half stays as it is from now on.
void kernel_map_finish();

}  // namespace redoubt::kernel
