// Frames that are physical neighbours, mapped one behind the other.
#pragma once

#include <cstdint>

namespace redoubt::native {

inline constexpr std::uint64_t kLargePageBytes = 2 << 20;

/// Where the first of them goes, relative to a multiple of 2 MiB, so that those of 2 MiB and more
/// come to their natural alignment. They are in order, and each is at a multiple of its size.
template <class Frames, class SizeOf>
std::uint64_t skew_of_neighbours(const Frames& frames, SizeOf&& size_of) {
    std::uint64_t before = 0;
    for (const auto& frame : frames) {
        const std::uint64_t bytes = size_of(frame);
        if (bytes >= kLargePageBytes) break;
        before += bytes;
    }
    return (0 - before) % kLargePageBytes;
}

}  // namespace redoubt::native
