// What both fuzzers of the boot loader share: bytes of an input, and what must hold of the result.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "boot/memory.hpp"

namespace redoubt::boot::fuzz {

class Input {
  public:
    explicit Input(std::span<const std::uint8_t> bytes) : rest_{bytes} {}

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    std::vector<std::uint8_t> bytes(std::size_t count) {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return {taken.begin(), taken.end()};
    }
    std::vector<std::uint8_t> rest() { return bytes(rest_.size()); }

  private:
    std::span<const std::uint8_t> rest_;
};

inline void require(bool condition) {
    if (!condition) std::abort();
}

inline bool overlap(const PhysicalRange& a, const PhysicalRange& b) {
    return a.bytes != 0 && b.bytes != 0 && a.start < b.end() && b.start < a.end();
}

inline bool is_pages(const PhysicalRange& range) {
    return range.bytes != 0 && range.start.value() % kernel::kPageSize == 0 &&
           range.bytes % kernel::kPageSize == 0 && range.start < range.end();
}

/// Nothing is given away twice, and nothing that is somebody's.
inline void check(const BootInformation& told, const MemoryMap& map, const PhysicalRange& loader) {
    require(told.ram.is_sound() && told.free_memory.is_sound() && told.device_memory.is_sound());
    require(told.hardware.is_sound() && told.kernel_memory < told.free_memory.count);
    PhysicalAddress done{0};
    for (const PhysicalRange& range : told.ram) {
        require(is_pages(range) && range.start >= done);
        done = range.end();
        for (const MemoryRegion& region : map)
            require(region.kind == MemoryKind::Usable || !overlap(range, region.range));
    }
    for (const PhysicalRange& range : told.free_memory) {
        require(is_pages(range) && !overlap(range, told.kernel_image));
        if (range.start == loader.start) continue;
        require(!overlap(range, told.boot_archive) && !overlap(range, loader));
        for (const PhysicalRange& other : told.free_memory)
            require(&other == &range || !overlap(range, other));
        require(std::ranges::any_of(told.ram, [&](const PhysicalRange& ram) {
            return ram.start <= range.start && range.end() <= ram.end();
        }));
    }
    for (const PhysicalRange& range : told.device_memory) {
        for (const PhysicalRange& ram : told.ram) require(!overlap(range, ram));
    }
}

}  // namespace redoubt::boot::fuzz
