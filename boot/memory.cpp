// What of the machine's memory is RAM, and what of that is free.
#include "boot/memory.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "boot/fail.hpp"

namespace redoubt::boot {
namespace {

/// Its whole pages.
PhysicalRange page_cut(PhysicalRange range) {
    const PhysicalAddress start = range.start.align_up(kernel::kPageSize);
    const PhysicalAddress end = range.end().page_base();
    return {start, start < end ? end - start : 0};
}

}  // namespace

void find_ram(BootInformation& information, const MemoryMap& map) {
    BootList<PhysicalRange, std::size(MemoryMap{}.items)> usable{}, reserved{};
    for (const MemoryRegion& region : map) {
        if (region.kind == MemoryKind::Usable) {
            usable.add(page_cut(region.range));
        } else {
            reserved.add(page_rounded(region.range));
        }
    }
    std::sort(usable.items, usable.items + usable.count,
              [](const PhysicalRange& a, const PhysicalRange& b) { return a.start < b.start; });
    PhysicalAddress done{0};
    for (PhysicalRange range : usable) {
        if (range.end() <= done) continue;
        if (range.start < done) range = {done, range.end() - done};
        done = range.end();
        without(range, reserved.items, reserved.count,
                [&](PhysicalRange piece) { information.ram.add(piece); });
    }
    if (information.ram.count == 0) fail("the memory map names no RAM");
}

void find_free_memory(BootInformation& information, PhysicalRange loader, PhysicalRange reserved,
                      PhysicalAddress limit) {
    auto& free = information.free_memory;
    const PhysicalRange owned[] = {page_rounded(reserved), page_rounded(information.kernel_image),
                                   page_rounded(information.boot_archive), page_rounded(loader)};
    std::uint64_t largest = 0;
    for (const PhysicalRange& range : information.ram) {
        without(range, owned, std::size(owned), [&](PhysicalRange piece) {
            if (free.count + 1 == std::size(free.items)) return;
            if (piece.end() <= limit && piece.bytes > largest) {
                largest = piece.bytes;
                information.kernel_memory = free.count;
            }
            free.add(piece);
        });
    }
    if (largest == 0) fail("no memory is free below {x}", limit);
    free.add(page_rounded(loader));
}

void copy_command_line(BootInformation& information, std::string_view text) {
    const std::string_view fitting = text.substr(0, sizeof(information.command_line) - 1);
    *std::copy(fitting.begin(), fitting.end(), information.command_line) = '\0';
}

}  // namespace redoubt::boot
