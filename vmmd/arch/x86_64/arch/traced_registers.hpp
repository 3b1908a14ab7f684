// Which registers the exit trace keeps.
#pragma once

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd {

/// What the register that says where a vCPU is is called.
inline constexpr const char* kProgramCounter = "rip";

struct TracedRegisters {
    std::uint64_t pc = 0;
    std::uint64_t first = 0;   ///< rax
    std::uint32_t second = 0;  ///< rcx
    std::uint32_t third = 0;   ///< rdx
};

inline TracedRegisters traced_registers(const abi::VcpuState& state) {
    return {state.rip, state.gpr[abi::kRax], static_cast<std::uint32_t>(state.gpr[abi::kRcx]),
            static_cast<std::uint32_t>(state.gpr[abi::kRdx])};
}
/// After the exit was handled: edx:eax.
inline std::uint64_t traced_result(const abi::VcpuState& state) {
    return (state.gpr[abi::kRax] & 0xFFFF'FFFF) | state.gpr[abi::kRdx] << 32;
}
/// 0, or 1 + the vector of the exception that is to be injected.
inline std::uint64_t traced_exception(const abi::VcpuState& state) {
    constexpr auto kType = abi::EventInjection::kValid | 7ULL << 8;
    constexpr auto kException = abi::EventInjection::kValid | abi::EventInjection::kException;
    return (state.inject & kType) == kException ? 1 + (state.inject & 0xFF) : 0;
}

}  // namespace redoubt::vmmd
