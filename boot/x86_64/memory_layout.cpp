// How a PC's memory is used.
#include "boot/x86_64/memory_layout.hpp"

#include <algorithm>

#include "boot/x86_64/protocols.hpp"

namespace redoubt::boot {
namespace {

using kernel::kPageSize;

constexpr PhysicalAddress kLowMemoryEnd{0x10'0000};
constexpr PhysicalRange kLowMemory{PhysicalAddress{0}, kLowMemoryEnd.value()};
constexpr PhysicalAddress kFirstInterruptController{0xFEC0'0000};

/// A page that a processor can begin in; the firmware's data is at both ends of low memory.
PhysicalAddress find_start_page(const BootInformation& information) {
    constexpr PhysicalAddress kFirst{0x8000}, kEnd{0x8'0000};
    for (const PhysicalRange& range : information.ram) {
        const PhysicalAddress page = range.start < kFirst ? kFirst : range.start;
        if (page + kPageSize <= kEnd && page + kPageSize <= range.end()) return page;
    }
    return {};
}

/// The holes below 4 GiB, but for the interrupt controllers', and the space above RAM.
void find_device_memory(BootInformation& information, const MemoryMap& map, PhysicalAddress top) {
    PhysicalAddress low_end = kLowMemoryEnd;
    PhysicalAddress high_end = kMappedEnd;
    for (const MemoryRegion& region : map) {
        if (region.kind == MemoryKind::Reserved) continue;
        const PhysicalAddress end = region.range.end().align_up(kPageSize);
        if (region.range.start < kMappedEnd) low_end = std::max(low_end, end);
        if (end > kMappedEnd) high_end = std::max(high_end, end);
    }
    if (low_end < kFirstInterruptController) {
        information.device_memory.add({low_end, kFirstInterruptController - low_end});
    }
    if (high_end < top) information.device_memory.add({high_end, top - high_end});
}

}  // namespace

void lay_out_memory(BootInformation& information, const MemoryMap& map, PhysicalRange loader,
                    unsigned physical_address_bits) {
    find_ram(information, map);
    find_free_memory(information, loader, kLowMemory, kMappedEnd);
    find_device_memory(information, map, PhysicalAddress{1ULL << physical_address_bits});
    information.hardware.start_page = find_start_page(information);
}

}  // namespace redoubt::boot
