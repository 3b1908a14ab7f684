// The tick counter (TSC) and the one-shot timer of this processor.
#pragma once

#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::kernel {

inline std::uint64_t ticks_now() {
    std::uint64_t low, high;  // the upper halves become zero
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}
std::uint64_t ticks_per_second();

/// on_timer() is called at or after `deadline` (ticks), or earlier if it is farther away than the
/// hardware counts. abi::kNever disarms. A deadline in the past fires at once.
void arm_timer(std::uint64_t deadline);

}  // namespace redoubt::kernel
