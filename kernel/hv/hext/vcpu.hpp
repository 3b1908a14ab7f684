// A vCPU of the H-extension's backend. Its registers are in the state page whenever it is not in
// the guest; a processor may still hold some of them, too.
#pragma once

#include <cstdint>

#include "kernel/hv/backend.hpp"
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hext {

struct HextVcpu : Vcpu {
    using Vcpu::Vcpu;

    std::uint64_t loaded = 0;            ///< Processor::loaded while that one has its registers
    std::uint64_t vmid_generation = 0;   ///< of the processor, when the VMID was taken; 0: has none
    std::uint64_t flush_generation = 0;  ///< of the VM, likewise
    std::uint64_t vmid = 0;
    std::uint64_t timer = abi::kNever;  ///< vstimecmp, as it was loaded or stored last
    std::uint64_t own_exceptions = 0;   ///< hedeleg once nothing awaits its first use
    std::uint64_t used_last = 0;        ///< the field of sstatus that is off until then
    std::uint32_t exception_exits = 0;
    bool has_timer = false;
    bool trap_translation = false;
};
static_assert(sizeof(HextVcpu) <= Vcpu::kControlBlockOffset);

Vcpu* create_vcpu(PhysicalAddress memory, Vm& vm, unsigned index);

// See hv::HypervisorBackend for these.
void act_upon(Vcpu& vcpu, const Requests& requests);
hv::Entered enter(Vcpu& vcpu);
bool is_spurious(Vcpu& vcpu);

}  // namespace redoubt::kernel::hext
