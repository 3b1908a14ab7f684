// Fences and satp (Privileged Specification 1.12, 4.1.11, 4.2.1 and 7).
#include "vmmd/arch/riscv64/debug/translation_change.hpp"

#include "libhvcall/vcpu.hpp"
#include "vmmd/arch/riscv64/isa/opcode.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kModeVs = 1;
constexpr std::uint32_t kSatp = 0x180;
constexpr std::uint64_t kBare = 0, kSv39 = 8, kSv57 = 10;

bool is_fence(std::uint32_t instruction) {
    constexpr std::uint32_t kMask = 0xFE00'7FFF, kSfence = 0x1200'0073, kSinval = 0x1600'0073;
    constexpr std::uint32_t kBefore = 0x1800'0073, kAfter = 0x1810'0073;
    return (instruction & kMask) == kSfence || (instruction & kMask) == kSinval ||
           instruction == kBefore || instruction == kAfter;
}

/// A value with an unknown mode is not written.
void write_satp(abi::VcpuState& state, std::uint64_t value) {
    const auto mode = value >> 60;
    if (mode == kBare || (mode >= kSv39 && mode <= kSv57)) state.vsatp = value;
    hvcall::mark_dirty(state, abi::RegisterGroup::Supervisor);
}

bool access_satp(abi::VcpuState& state, std::uint32_t instruction) {
    constexpr unsigned kWrite = 1, kSet = 2, kImmediate = 4;
    const auto function = static_cast<unsigned>(isa::bits(instruction, 12, 3));
    const auto operation = function & 3;
    if ((instruction & 0x7F) != isa::kSystem || instruction >> 20 != kSatp || operation == 0)
        return false;
    const auto source = isa::bits(instruction, 15, 5), target = isa::bits(instruction, 7, 5);
    const auto value = (function & kImmediate) != 0 || source == 0 ? source : state.gpr[source];
    const auto old = state.vsatp;
    if (operation == kWrite) {
        write_satp(state, value);
    } else if (source != 0) {
        write_satp(state, operation == kSet ? old | value : old & ~value);
    }
    if (target != 0) state.gpr[target] = old;
    return true;
}

}  // namespace

bool change_translation(abi::VcpuState& state, std::uint32_t instruction) {
    if (state.mode != kModeVs) return false;
    if (is_fence(instruction)) {
        hvcall::mark_dirty(state, abi::RegisterGroup::Translations);
        return true;
    }
    return access_satp(state, instruction);
}

}  // namespace redoubt::vmmd
