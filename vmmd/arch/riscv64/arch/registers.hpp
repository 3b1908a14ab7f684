// A vCPU's registers as people read them.
#pragma once

#include <string>

#include "abi/vcpu_state.hpp"
#include "vmmd/vm_statistics.hpp"

namespace redoubt::vmmd {

/// General registers and pc: 9 lines, each ended.
std::string describe_registers(const abi::VcpuState& state);
/// The supervisor's: 4 lines.
std::string describe_system_registers(const abi::VcpuState& state);
Counters register_values(const abi::VcpuState& state);
/// "pc=0x80200000 vsatp=0 mode=VS"
std::string summarize_registers(const abi::VcpuState& state);

}  // namespace redoubt::vmmd
