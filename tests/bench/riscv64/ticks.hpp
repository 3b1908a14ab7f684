// The counter of the benchmarks. The time of QEMU's virt machine advances once in 100 ns, so under
// -icount shift=10 each instruction, of 1,024 ns, is a little more than ten ticks.
#pragma once

#include <cstdint>

namespace redoubt::bench {

inline std::uint64_t ticks() {
    std::uint64_t ticks;
    asm volatile("rdtime %0" : "=r"(ticks)::"memory");
    return ticks;
}

/// The nearest number.
inline std::uint64_t instructions(std::uint64_t ticks) {
    constexpr std::uint64_t kTick = 100, kInstruction = 1024;
    return (ticks * kTick + kInstruction / 2) / kInstruction;
}

}  // namespace redoubt::bench
