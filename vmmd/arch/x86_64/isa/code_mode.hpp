// How the processor reads code, by its registers.
#pragma once

#include "vmmd/arch/x86_64/isa/control_registers.hpp"
#include "vmmd/arch/x86_64/isa/instruction.hpp"
#include "vmmd/arch/x86_64/isa/paging.hpp"

namespace redoubt::vmmd::isa {

inline CodeMode code_mode(const abi::VcpuState& state) {
    constexpr unsigned kDefaultBig = 1U << 10;  // D of CS
    if (in_64bit_mode(state)) return CodeMode::Long64;
    if ((state.cs_attributes & kDefaultBig) != 0) return CodeMode::Protected32;
    return (state.cr0 & cr0::kPe) == 0 ? CodeMode::Real16 : CodeMode::Protected16;
}

}  // namespace redoubt::vmmd::isa
