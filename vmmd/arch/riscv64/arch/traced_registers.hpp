// Which registers the exit trace keeps.
#pragma once

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd {

/// What the register that says where a vCPU is is called.
inline constexpr const char* kProgramCounter = "pc";

struct TracedRegisters {
    std::uint64_t pc = 0;
    std::uint64_t first = 0;   ///< a0
    std::uint32_t second = 0;  ///< a6
    std::uint32_t third = 0;   ///< a7
};

inline TracedRegisters traced_registers(const abi::VcpuState& state) {
    return {state.pc, state.gpr[10], static_cast<std::uint32_t>(state.gpr[16]),
            static_cast<std::uint32_t>(state.gpr[17])};
}
/// After the exit was handled: the SBI's error, and the value above it.
inline std::uint64_t traced_result(const abi::VcpuState& state) {
    return (state.gpr[10] & 0xFFFF'FFFF) | state.gpr[11] << 32;
}
/// 0, or 1 + the exception that the guest gets for the exit.
inline std::uint64_t traced_exception(const abi::VcpuState& state) {
    const bool raised = state.exit.kind == abi::ExitKind::Instruction &&
                        state.pc == (state.vstvec & ~std::uint64_t{3});
    return raised ? 1 + (state.vscause & 0xFF) : 0;
}

}  // namespace redoubt::vmmd
