// Where an instruction leads to.
#pragma once

#include <array>
#include <cstdint>

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd {

struct StepPlan {
    std::array<std::uint64_t, 2> targets{};
    unsigned count = 0;

    void add(std::uint64_t address) { targets[count++] = address; }
};

/// Of the instruction at pc, whose bits are given: where pc can be after it, if it causes no trap
/// other than the one it is for.
StepPlan plan_step(const abi::VcpuState& state, std::uint32_t instruction);

}  // namespace redoubt::vmmd
