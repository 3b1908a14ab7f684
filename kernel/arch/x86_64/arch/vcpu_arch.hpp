// What a vCPU has on this architecture, whatever the backend.
#pragma once

#include <cstdint>

#include "kernel/hv/x86_64/cpuid_table.hpp"

namespace redoubt::kernel {

struct VcpuArch {
    std::uint64_t xcr0 = 1;  ///< the guest's
    hv::CpuidTable cpuid;
};

}  // namespace redoubt::kernel
