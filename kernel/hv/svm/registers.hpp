// The registers that travel between state page and control block on every run: inline, for speed.
#pragma once

#include <cstdint>

#include "abi/x86_64/vcpu_state.hpp"
#include "kernel/hv/svm/control.hpp"

namespace redoubt::kernel::svm {

inline constexpr std::uint64_t kRflagsKnown = 0x3F'7FD5, kRflagsFixed = 0x2;

/// rax, rsp, rip and rflags, which every run takes from the page.
inline void load_program_state(Vmcb& vmcb, const abi::VcpuState& state) {
    VmcbStateSaveArea& save = vmcb.save;
    save.rax = state.gpr[abi::kRax];
    save.rsp = state.gpr[abi::kRsp];
    save.rip = state.rip;
    save.rflags = (state.rflags & kRflagsKnown) | kRflagsFixed;
}

/// What is always valid after an exit.
inline void store_always(const Vmcb& vmcb, abi::VcpuState& state) {
    const VmcbStateSaveArea& save = vmcb.save;
    state.gpr[abi::kRax] = save.rax;
    state.gpr[abi::kRsp] = save.rsp;
    state.rip = save.rip;
    state.rflags = save.rflags;
    state.cr0 = save.cr0;
    state.cr2 = save.cr2;
    state.cr3 = save.cr3;
    state.cr4 = save.cr4;
    state.efer = save.efer & ~kEferSvme;
    state.tpr = vmcb.control.interrupt_control & 0xF;
    state.cs_base = save.cs.base;
    state.ss_base = save.ss.base;
    state.cs_attributes = save.cs.attributes;
    state.cpl = save.cpl;
}

}  // namespace redoubt::kernel::svm
