// Opcodes that deal with RFLAGS (APM vol. 3).
#include "vmmd/arch/x86_64/debug/step_plan.hpp"

#include <algorithm>
#include <array>

namespace redoubt::vmmd {

namespace {

constexpr std::array<std::uint8_t, 11> kPrefixes = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65,
                                                    0x66, 0x67, 0xF0, 0xF2, 0xF3};

bool is_prefix(std::uint8_t byte) { return std::ranges::find(kPrefixes, byte) != kPrefixes.end(); }

}  // namespace

StepPlan plan_step(std::span<const std::uint8_t> bytes, isa::CodeMode mode) {
    std::size_t at = 0;
    while (at < bytes.size() && is_prefix(bytes[at])) ++at;
    if (mode == isa::CodeMode::Long64 && at < bytes.size() && bytes[at] >> 4 == 4) ++at;  // REX
    if (at == bytes.size()) return {};
    const auto second = at + 1 < bytes.size() ? bytes[at + 1] : std::uint8_t{0};
    switch (bytes[at]) {
        case 0x9C:
            return {StepPlan::Kind::PushFlags};
        case 0xCC:
            return {StepPlan::Kind::SoftwareInterrupt, 3, static_cast<std::uint8_t>(at + 1)};
        case 0xCD:
            return {StepPlan::Kind::SoftwareInterrupt, second, static_cast<std::uint8_t>(at + 2)};
        case 0x0F:
            if (second == 0x05) return {StepPlan::Kind::SystemCall};
            if (second == 0x07) return {StepPlan::Kind::SystemReturn};
            return {};
        default:
            return {};
    }
}

}  // namespace redoubt::vmmd
