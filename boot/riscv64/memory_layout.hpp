// What the device tree tells about memory and what is in it.
#pragma once

#include "boot/memory.hpp"
#include "boot/riscv64/device_tree.hpp"

namespace redoubt::boot {

/// Fills `boot_archive` and `command_line`.
void read_chosen(BootInformation& information, const DeviceTree& tree);

/// Where the highest memory ends.
PhysicalAddress memory_end(const DeviceTree& tree);

/// Fills `ram`, `free_memory` and `device_memory`; `blob` is the tree, `kernel_image`,
/// `boot_archive` and `hardware` are known.
void lay_out_memory(BootInformation& information, const DeviceTree& tree, PhysicalRange blob,
                    PhysicalRange loader, PhysicalRange local_interruptor);

}  // namespace redoubt::boot
