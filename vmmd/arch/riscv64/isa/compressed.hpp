// Instructions of 16 bits.
#pragma once

#include <cstdint>

namespace redoubt::vmmd::isa {

/// The instruction of 32 bits that does the same, but for the length that jumps save; 0 if there is
/// none: what is reserved.
std::uint32_t expand_compressed(std::uint16_t instruction);

}  // namespace redoubt::vmmd::isa
