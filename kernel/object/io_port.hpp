// IoPortRange: I/O ports that may be accessed. The range is in the capability; there is no object
// behind it.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

/// Both ends included; packed as first | last << 16.
struct PortRange {
    std::uint16_t first;
    std::uint16_t last;

    constexpr explicit PortRange(std::uint64_t packed)
        : first{static_cast<std::uint16_t>(packed)},
          last{static_cast<std::uint16_t>(packed >> 16)} {}

    constexpr bool contains(PortRange other) const {
        return first <= other.first && other.first <= other.last && other.last <= last;
    }
    constexpr bool contains(std::uint64_t port, std::uint64_t bytes) const {
        return port >= first && port <= last && bytes - 1 <= last - port;
    }
};

}  // namespace redoubt::kernel
