// A limit for what user code can make the kernel print: the console is slow, and written to with
// interrupts off.
#pragma once

#include <cstdint>

#include "arch/timer.hpp"

namespace redoubt::kernel {

/// May one more line about user code be printed? A few in each second may.
inline bool may_report() {
    constexpr unsigned kLinesPerSecond = 16;
    constinit static std::uint64_t window_start = 0;
    constinit static unsigned lines = 0;
    const std::uint64_t now = ticks_now();
    if (lines == 0 || now - window_start >= ticks_per_second()) {
        window_start = now;
        lines = 0;
    }
    if (lines == kLinesPerSecond) return false;
    ++lines;
    return true;
}

}  // namespace redoubt::kernel
