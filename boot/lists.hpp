// What the loader's information is made of.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/mm/address.hpp"

namespace redoubt::boot {

using kernel::PhysicalAddress;

struct PhysicalRange {
    PhysicalAddress start;
    std::uint64_t bytes;

    constexpr PhysicalAddress end() const { return start + bytes; }
};

/// Physical addresses have 52 bits on x86-64 and 56 on riscv64.
inline constexpr PhysicalAddress kPhysicalEnd{1ULL << 56};

/// What of a range that somebody tells can exist: its end, and what it is rounded to, do not wrap.
constexpr PhysicalRange bounded(PhysicalRange range) {
    if (range.start >= kPhysicalEnd) return {};
    const std::uint64_t most = kPhysicalEnd - range.start;
    return {range.start, range.bytes < most ? range.bytes : most};
}

/// A list of fixed capacity; what does not fit is dropped and counted.
template <class T, std::size_t N>
struct BootList {
    T items[N];
    std::size_t count;
    std::size_t dropped;

    constexpr void add(const T& item) {
        if (count < N) {
            items[count++] = item;
        } else {
            ++dropped;
        }
    }
    constexpr bool is_sound() const { return count <= N; }
    constexpr const T* begin() const { return items; }
    constexpr const T* end() const { return items + count; }
};

}  // namespace redoubt::boot
