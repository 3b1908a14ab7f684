// The tick counter (TSC), the one-shot timer of this processor, and the time of day at boot.
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

/// Seconds since 1970 at tick 0, from the battery-backed clock.
std::uint64_t boot_real_time();

}  // namespace redoubt::kernel
