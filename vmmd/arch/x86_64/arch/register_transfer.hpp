// Between the vCPU state page and gdb's registers.
#pragma once

#include "abi/x86_64/vcpu_state.hpp"
#include "vmmd/debug/gdb/registers.hpp"

namespace redoubt::vmmd {

/// Needs all groups of the state page.
gdb::Registers to_gdb(const abi::VcpuState& state);
/// Takes what has changed, and marks its groups for loading. Segment selectors, CR8 and the x87's
/// last instruction stay as they are: they are more than a number, or somebody else's.
void from_gdb(abi::VcpuState& state, const gdb::Registers& registers);

}  // namespace redoubt::vmmd
