// What PVH and Multiboot2 loaders tell.
#pragma once

#include "boot/memory.hpp"

namespace redoubt::boot {

/// Everything below is mapped; what loaders and firmware leave must be there.
inline constexpr PhysicalAddress kMappedEnd{1ULL << 32};

/// Where ACPI's tables begin; 0 if the loader does not tell.
using RootPointer = PhysicalAddress;

/// Fills `map`, `boot_archive` and `command_line` from what is at `address`.
RootPointer read_loader_information(BootInformation& information, MemoryMap& map,
                                    std::uint32_t magic, PhysicalAddress address);

}  // namespace redoubt::boot
