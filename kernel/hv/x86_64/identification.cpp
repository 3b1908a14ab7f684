// What CPUID answers a vCPU.
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hv {

abi::Error set_identification(Vcpu& vcpu, std::span<const std::byte> table) {
    using abi::hv::CpuidEntry;
    if (table.size() % sizeof(CpuidEntry) != 0) return abi::Error::InvalidArgument;
    return vcpu.cpuid.set(
        {reinterpret_cast<const CpuidEntry*>(table.data()), table.size() / sizeof(CpuidEntry)});
}

}  // namespace redoubt::kernel::hv
