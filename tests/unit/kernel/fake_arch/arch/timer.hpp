// Host tests: a clock that moves only when told to.
#pragma once

#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::kernel {

inline std::uint64_t fake_ticks = 0;
inline std::uint64_t fake_timer_deadline = abi::kNever;

inline std::uint64_t ticks_now() { return fake_ticks; }
inline std::uint64_t ticks_per_second() { return 1'000'000; }
inline void arm_timer(std::uint64_t deadline) { fake_timer_deadline = deadline; }

}  // namespace redoubt::kernel
