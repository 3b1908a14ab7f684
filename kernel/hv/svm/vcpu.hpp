// A vCPU of the SVM backend: control block, ASID, lazily exchanged registers.
#pragma once

#include <cstdint>

#include "kernel/hv/backend.hpp"
#include "kernel/hv/svm/control.hpp"
#include "kernel/hv/svm/exit.hpp"
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::svm {

struct SvmVcpu : Vcpu {
    using Vcpu::Vcpu;

    std::uint64_t vmcb_address = 0;      ///< physical
    std::uint64_t asid_generation = 0;   ///< of the processor, when the ASID was taken; 0: has none
    std::uint64_t flush_generation = 0;  ///< of the VM, likewise
    std::uint64_t vm_generation = 0;     ///< Vm::generation, at the last entry
    std::uint64_t debug_registers[4] = {};  ///< DR0..3
    std::uint64_t host_dr7 = 0;     ///< to have in DR7 while entering: see set_debug_registers()
    bool breakpoints = false;       ///< DR7 enables some, so DR0..3 must be loaded
    bool cr4_watched = true;        ///< until the guest has written it, perhaps with OSXSAVE
    bool xcr0_live = false;         ///< there is an XCR0, and the guest may look at it
    bool needs_exchange = false;    ///< debug registers, XCR0 or TSC_AUX must be switched by hand
    bool lme_hidden = false;        ///< the guest's EFER.LME is 1, the VMCB's 0: see long_mode.hpp
    std::uint32_t nmi_blocked = 0;  ///< or abi::kNmiBlocked
    DecodeContext decode{};
    std::uint64_t tsc_aux = 0;
    alignas(kPageSize) Vmcb vmcb{};
};
static_assert(sizeof(SvmVcpu) == Vcpu::kControlBlockOffset + kPageSize);

Vcpu* create_vcpu(PhysicalAddress memory, Vm& vm, unsigned index);

/// Values for a run from the state page; see hv::HypervisorBackend for these.
void load(Vcpu& vcpu);
void act_upon(Vcpu& vcpu, const Requests& requests);
bool take_event(Vcpu& vcpu);
void store(Vcpu& vcpu);
void store_groups(Vcpu& vcpu, std::uint32_t groups);
hv::Entered enter(Vcpu& vcpu);
bool is_spurious(const Vcpu& vcpu);
bool ring_doorbell(Vcpu& vcpu);

// registers.cpp: groups of the state page to and from a control block. The page is the monitor's:
// whatever it holds, the control block stays one that VMRUN accepts or refuses, and never lets the
// guest reach the host.
/// True if translations change with it.
bool load_control_group(Vmcb& vmcb, const abi::VcpuState& state);
void load_segments(Vmcb& vmcb, const abi::VcpuState& state);
void load_system_msrs(Vmcb& vmcb, const abi::VcpuState& state);
void load_debug_group(Vmcb& vmcb, const abi::VcpuState& state);
void store_segments(const Vmcb& vmcb, abi::VcpuState& state);
void store_system_msrs(const Vmcb& vmcb, abi::VcpuState& state);

}  // namespace redoubt::kernel::svm
