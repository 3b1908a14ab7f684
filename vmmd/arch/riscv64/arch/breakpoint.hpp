// The instruction that stops in a debugger.
#pragma once

#include <array>
#include <cstdint>

namespace redoubt::vmmd {

/// The short one fits everywhere.
inline constexpr std::array<std::uint8_t, 2> kBreakpointInstruction = {0x02, 0x90};  // C.EBREAK

/// Whether a vCPU can be watched for reads alone.
inline constexpr bool kWatchesReads = true;

}  // namespace redoubt::vmmd
