// The tick counter (the time CSR), the one-shot timer of this processor, and the time of day at
// boot.
#pragma once

#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::kernel {

inline std::uint64_t ticks_now() {
    std::uint64_t ticks;
    asm volatile("rdtime %0" : "=r"(ticks));
    return ticks;
}
std::uint64_t ticks_per_second();

/// on_timer() is called at or after `deadline` (ticks). abi::kNever disarms. A deadline in the past
/// fires at once.
void arm_timer(std::uint64_t deadline);

}  // namespace redoubt::kernel
