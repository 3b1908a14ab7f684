// What a guest does with its address space, done for it while abi::kTrapTranslation is set.
#pragma once

#include <cstdint>

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd {

/// SFENCE.VMA, SINVAL.VMA and the fences around it, and accesses to satp, in VS-mode: their effect,
/// without that on pc. False: the instruction is none of these.
bool change_translation(abi::VcpuState& state, std::uint32_t instruction);

}  // namespace redoubt::vmmd
