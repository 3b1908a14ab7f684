// There is no CPUID.
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hv {

abi::Error set_cpuid(Vcpu&, std::span<const abi::hv::CpuidEntry>) {
    return abi::Error::NotSupported;
}

}  // namespace redoubt::kernel::hv
