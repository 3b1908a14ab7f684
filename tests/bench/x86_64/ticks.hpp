// The counter of the benchmarks, on Redoubt and on its peers: under QEMU's -icount shift=0 one tick
// of the TSC is one instruction.
#pragma once

#include <cstdint>

namespace redoubt::bench {

inline std::uint64_t ticks() {
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return std::uint64_t{high} << 32 | low;
}

inline std::uint64_t instructions(std::uint64_t ticks) { return ticks; }

}  // namespace redoubt::bench
