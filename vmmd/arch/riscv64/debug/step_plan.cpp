// Jumps and branches (Unprivileged Specification 20191213, 2.5 and 16.4), SRET and ECALL.
#include "vmmd/arch/riscv64/debug/step_plan.hpp"

#include "vmmd/arch/riscv64/isa/memory_access.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint32_t kEcall = 0x0000'0073, kSret = 0x1020'0073;
constexpr std::uint32_t kJal = 0x6F, kJalr = 0x67, kBranch = 0x63;
constexpr std::uint64_t kModeVs = 1;

constexpr std::uint64_t bits(std::uint32_t value, unsigned low, unsigned count) {
    return value >> low & ((1U << count) - 1);
}
constexpr std::uint64_t sign_extend(std::uint64_t value, unsigned width) {
    const unsigned unused = 64 - width;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

constexpr std::uint64_t jal_offset(std::uint32_t i) {
    return sign_extend(
        bits(i, 31, 1) << 20 | bits(i, 12, 8) << 12 | bits(i, 20, 1) << 11 | bits(i, 21, 10) << 1,
        21);
}
constexpr std::uint64_t branch_offset(std::uint32_t i) {
    return sign_extend(
        bits(i, 31, 1) << 12 | bits(i, 7, 1) << 11 | bits(i, 25, 6) << 5 | bits(i, 8, 4) << 1, 13);
}
constexpr std::uint64_t short_jump_offset(std::uint32_t i) {
    return sign_extend(bits(i, 12, 1) << 11 | bits(i, 8, 1) << 10 | bits(i, 9, 2) << 8 |
                           bits(i, 6, 1) << 7 | bits(i, 7, 1) << 6 | bits(i, 2, 1) << 5 |
                           bits(i, 11, 1) << 4 | bits(i, 3, 3) << 1,
                       12);
}
constexpr std::uint64_t short_branch_offset(std::uint32_t i) {
    return sign_extend(bits(i, 12, 1) << 8 | bits(i, 5, 2) << 6 | bits(i, 2, 1) << 5 |
                           bits(i, 10, 2) << 3 | bits(i, 3, 2) << 1,
                       9);
}

std::uint64_t general(const abi::VcpuState& state, std::uint64_t number) {
    return number == 0 ? 0 : state.gpr[number];
}

StepPlan plan_short(const abi::VcpuState& state, std::uint32_t instruction) {
    StepPlan plan;
    const auto quadrant = instruction & 3;
    const auto function = bits(instruction, 13, 3);
    if (quadrant == 1 && function == 5) {
        plan.add(state.pc + short_jump_offset(instruction));
    } else if (quadrant == 1 && function >= 6) {
        plan.add(state.pc + 2);
        plan.add(state.pc + short_branch_offset(instruction));
    } else if (quadrant == 2 && function == 4 && bits(instruction, 2, 5) == 0 &&
               bits(instruction, 7, 5) != 0) {
        plan.add(general(state, bits(instruction, 7, 5)) & ~std::uint64_t{1});  // C.JR, C.JALR
    } else {
        plan.add(state.pc + 2);
    }
    return plan;
}

}  // namespace

StepPlan plan_step(const abi::VcpuState& state, std::uint32_t instruction) {
    if (isa::instruction_length(instruction) == 2) return plan_short(state, instruction);
    StepPlan plan;
    switch (instruction & 0x7F) {
        case kJal:
            plan.add(state.pc + jal_offset(instruction));
            return plan;
        case kJalr:
            plan.add((general(state, bits(instruction, 15, 5)) +
                      sign_extend(bits(instruction, 20, 12), 12)) &
                     ~std::uint64_t{1});
            return plan;
        case kBranch:
            plan.add(state.pc + 4);
            plan.add(state.pc + branch_offset(instruction));
            return plan;
        default:
            break;
    }
    if (instruction == kSret) {
        plan.add(state.vsepc);
    } else if (instruction == kEcall && state.mode != kModeVs) {
        plan.add(state.vstvec & ~std::uint64_t{3});
    } else {
        plan.add(state.pc + 4);
    }
    return plan;
}

}  // namespace redoubt::vmmd
