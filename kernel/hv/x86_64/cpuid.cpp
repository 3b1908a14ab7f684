// What CPUID answers a vCPU.
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hv {

abi::Error set_cpuid(Vcpu& vcpu, std::span<const abi::hv::CpuidEntry> entries) {
    return vcpu.cpuid.set(entries);
}

}  // namespace redoubt::kernel::hv
