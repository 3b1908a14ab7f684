// How a PC's memory is used.
#pragma once

#include "boot/memory.hpp"

namespace redoubt::boot {

/// Fills all that `map` decides; `kernel_image` and `boot_archive` are there already.
void lay_out_memory(BootInformation& information, const MemoryMap& map, PhysicalRange loader,
                    unsigned physical_address_bits);

}  // namespace redoubt::boot
