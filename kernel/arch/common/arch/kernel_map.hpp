// Building the kernel's mappings, for the arch code.
#pragma once

#include "arch/boot_allocator.hpp"

namespace redoubt::kernel {

/// Builds the tables of kernel_root(), which activate() then makes replace the boot tables.
/// `allocator` must outlive the boot phase.
void kernel_map_initialize(const BootInformation& information, BootAllocator& allocator);
/// Makes a page of the direct map a guard page.
void unmap_kernel_page(const void* page);
/// Ends the boot phase: the kernel's half stays as it is from now on.
void kernel_map_finish();

}  // namespace redoubt::kernel
