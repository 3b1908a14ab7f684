// A vCPU's registers as people read them.
#pragma once

#include <string>

#include "abi/x86_64/vcpu_state.hpp"
#include "vmmd/vm_statistics.hpp"

namespace redoubt::vmmd {

/// Those that are valid after every exit, but for the segments'.
Counters register_values(const abi::VcpuState& state);
/// Those that are valid after every exit: 6 lines, each ended.
std::string describe_registers(const abi::VcpuState& state);
/// Segments, descriptor tables, system MSRs and debug registers: 8 lines. Their groups of the state
/// page must be valid.
std::string describe_system_registers(const abi::VcpuState& state);
/// "rip=0x1000 cr3=0x2000 cpl=0"
std::string summarize_registers(const abi::VcpuState& state);

}  // namespace redoubt::vmmd
