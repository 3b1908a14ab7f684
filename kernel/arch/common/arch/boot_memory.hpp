// What of the machine's memory is free once the kernel has taken its part, for the arch code.
#pragma once

#include <cstddef>
#include <iterator>

#include "arch/boot.hpp"

namespace redoubt::kernel {

inline PhysicalRange page_rounded(PhysicalRange range) {
    const PhysicalAddress start = range.start.page_base();
    return {start, range.end().align_up(kPageSize) - start};
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

/// Calls `visit` for each page-aligned piece of usable memory that is not the kernel's, the
/// (page-rounded) module's, boot_tables or `special`; in ascending order if the regions are sorted.
template <class Visitor>
void for_each_free(const BootInformation& information, PhysicalRange special, Visitor&& visit) {
    const PhysicalRange owned[] = {page_rounded(special), page_rounded(information.kernel_image),
                                   page_rounded(information.boot_module), information.boot_tables};
    for (const MemoryRegion& region : information.regions) {
        if (region.kind != MemoryKind::Usable) continue;
        const PhysicalAddress start = region.range.start.align_up(kPageSize);
        const PhysicalAddress end = region.range.end().page_base();
        if (start < end) without({start, end - start}, owned, std::size(owned), visit);
    }
}

void sort_regions(BootInformation& information);
/// Cuts off what does not fit.
void copy_command_line(BootInformation& information, const char* text);

}  // namespace redoubt::kernel
