// Between the vCPU state page and gdb's registers.
#pragma once

#include "abi/vcpu_state.hpp"
#include "vmmd/debug/gdb/registers.hpp"

namespace redoubt::vmmd {

/// Needs all groups of the state page.
gdb::Registers to_gdb(const abi::VcpuState& state);
/// Takes what has changed, and marks its groups for loading. x0 stays zero.
void from_gdb(abi::VcpuState& state, const gdb::Registers& registers);

}  // namespace redoubt::vmmd
