// What of the machine's memory is RAM, and what of that is free.
#pragma once

#include <string_view>

#include "boot/boot_information.hpp"

namespace redoubt::boot {

enum class MemoryKind : std::uint32_t { Usable, Reserved, Acpi };

struct MemoryRegion {
    PhysicalRange range;
    MemoryKind kind;
};

/// What the firmware tells, in its order; regions may overlap, and what is not usable prevails.
using MemoryMap = BootList<MemoryRegion, 128>;

inline PhysicalRange page_rounded(PhysicalRange range) {
    const PhysicalAddress start = range.start.page_base();
    return {start, range.end().align_up(kernel::kPageSize) - start};
}

/// Calls `visit` for what is left of `range` without the owned ranges, in ascending order.
template <class Visitor>
void without(PhysicalRange range, const PhysicalRange* owned, std::size_t owned_count,
             Visitor&& visit) {
    PhysicalAddress at = range.start;
    while (at < range.end()) {
        // The owned range that covers `at`, or else the next one after it.
        const PhysicalRange* next = nullptr;
        for (const PhysicalRange* candidate = owned; candidate != owned + owned_count;
             ++candidate) {
            if (candidate->bytes == 0 || candidate->end() <= at || candidate->start >= range.end())
                continue;
            if (next == nullptr || candidate->start < next->start) next = candidate;
        }
        if (next == nullptr) {
            visit(PhysicalRange{at, range.end() - at});
            return;
        }
        if (next->start > at) visit(PhysicalRange{at, next->start - at});
        at = next->end();
    }
}

/// Fills `ram`.
void find_ram(BootInformation& information, const MemoryMap& map);

/// Fills `free_memory`, without the image, the archive and `reserved`; and chooses the kernel's:
/// the largest piece below `limit`.
void find_free_memory(BootInformation& information, PhysicalRange loader, PhysicalRange reserved,
                      PhysicalAddress limit);

/// Cuts off what does not fit.
void copy_command_line(BootInformation& information, std::string_view text);

}  // namespace redoubt::boot
