// Jumps and branches (Unprivileged Specification 20191213, 2.5), SRET and ECALL.
#include "vmmd/arch/riscv64/debug/step_plan.hpp"

#include "vmmd/arch/riscv64/isa/compressed.hpp"
#include "vmmd/arch/riscv64/isa/memory_access.hpp"
#include "vmmd/arch/riscv64/isa/opcode.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint32_t kEcall = 0x0000'0073, kSret = 0x1020'0073;
constexpr std::uint64_t kModeVs = 1;

std::uint64_t general(const abi::VcpuState& state, std::uint64_t number) {
    return number == 0 ? 0 : state.gpr[number];
}

}  // namespace

StepPlan plan_step(const abi::VcpuState& state, std::uint32_t instruction) {
    const auto length = isa::instruction_length(instruction);
    const auto next = state.pc + length;
    if (length == 2) instruction = isa::expand_compressed(static_cast<std::uint16_t>(instruction));
    StepPlan plan;
    switch (instruction & 0x7F) {
        case isa::kJal:
            plan.add(state.pc + isa::jal_offset(instruction));
            return plan;
        case isa::kJalr:
            plan.add((general(state, isa::bits(instruction, 15, 5)) +
                      isa::sign_extend(isa::bits(instruction, 20, 12), 12)) &
                     ~std::uint64_t{1});
            return plan;
        case isa::kBranch:
            plan.add(next);
            plan.add(state.pc + isa::branch_offset(instruction));
            return plan;
        default:
            break;
    }
    if (instruction == kSret) {
        plan.add(state.vsepc);
    } else if (instruction == kEcall && state.mode != kModeVs) {
        plan.add(state.vstvec & ~std::uint64_t{3});
    } else {
        plan.add(next);
    }
    return plan;
}

}  // namespace redoubt::vmmd
