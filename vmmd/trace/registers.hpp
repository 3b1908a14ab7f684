// A vCPU's registers as people read them.
#pragma once

#include <string>

#include "abi/x86_64/vcpu_state.hpp"

namespace redoubt::vmmd {

/// Those that are valid after every exit, several lines, each ended.
std::string describe_registers(const abi::VcpuState& state);

}  // namespace redoubt::vmmd
