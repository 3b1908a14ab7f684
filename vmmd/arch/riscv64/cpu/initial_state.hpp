// Registers of a hart at its start.
#pragma once

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd {

/// VS-mode without translation or interrupts, no timer; everything is marked for loading.
void set_reset_state(abi::VcpuState& state);

/// What the SBI gives a hart that is started, and Linux's boot protocol the first one: a0 and a1.
void set_start(abi::VcpuState& state, std::uint64_t address, std::uint64_t hart,
               std::uint64_t opaque);

}  // namespace redoubt::vmmd
