// The instruction that stops in a debugger.
#pragma once

#include <array>
#include <cstdint>

namespace redoubt::vmmd {

inline constexpr std::array<std::uint8_t, 1> kBreakpointInstruction = {0xCC};  // INT3

/// Whether a vCPU can be watched for reads alone.
inline constexpr bool kWatchesReads = false;

}  // namespace redoubt::vmmd
