// The state page's register groups into the control block, sanitized, and back.
#include "kernel/hv/svm/vcpu.hpp"

namespace redoubt::kernel::svm {
namespace {

using abi::SegmentRegister;
using abi::VcpuState;

constexpr std::uint16_t kAttributeMask = 0x0FFF;
constexpr std::uint64_t kEferKnown = 0xFD01;  ///< SCE LME LMA NXE SVME LMSLE FFXSR TCE
constexpr std::uint64_t kEferLma = 1ULL << 10;
constexpr std::uint64_t kDr6Fixed = 0xFFFF'0FF0, kDr7Fixed = 0x400;

/// Bases that must be canonical: VMLOAD would take any, but the guest's next use of a wild one is
/// its own #GP.
constexpr std::uint64_t canonical(std::uint64_t address) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << 16) >> 16);
}

/// Calls `pass(register of the control block, of the state page)` for each.
template <class Save, class State, class Pass>
void for_each_segment(Save& save, State& state, Pass&& pass) {
    pass(save.es, state.segments[abi::kEs]);
    pass(save.cs, state.segments[abi::kCs]);
    pass(save.ss, state.segments[abi::kSs]);
    pass(save.ds, state.segments[abi::kDs]);
    pass(save.fs, state.segments[abi::kFs]);
    pass(save.gs, state.segments[abi::kGs]);
    pass(save.ldtr, state.segments[abi::kLdtr]);
    pass(save.tr, state.segments[abi::kTr]);
    pass(save.gdtr, state.gdtr);
    pass(save.idtr, state.idtr);
}

template <class Save, class State, class Pass>
void for_each_system_msr(Save& save, State& state, Pass&& pass) {
    pass(save.star, state.star);
    pass(save.lstar, state.lstar);
    pass(save.cstar, state.cstar);
    pass(save.sfmask, state.sfmask);
    pass(save.kernel_gs_base, state.kernel_gs_base);
    pass(save.sysenter_cs, state.sysenter_cs);
    pass(save.sysenter_esp, state.sysenter_esp);
    pass(save.sysenter_eip, state.sysenter_eip);
    pass(save.g_pat, state.pat);
    pass(save.dbgctl, state.debug_control);
}

/// PAT entries of an undefined type (2, 3, 8 and above) become uncached.
std::uint64_t sanitized_pat(std::uint64_t pat) {
    for (unsigned i = 0; i < 64; i += 8) {
        const std::uint64_t type = pat >> i & 0xFF;
        if (type > 7 || type == 2 || type == 3) pat &= ~(0xFFULL << i);
    }
    return pat;
}

}  // namespace

bool load_control_group(Vmcb& vmcb, const VcpuState& state) {
    VmcbStateSaveArea& save = vmcb.save;
    const std::uint64_t old_cr0 = save.cr0, old_cr3 = save.cr3, old_cr4 = save.cr4,
                        old_efer = save.efer;
    save.cr0 = state.cr0;
    save.cr2 = state.cr2;
    save.cr3 = state.cr3;
    save.cr4 = state.cr4;
    save.efer = (state.efer & kEferKnown & ~kEferLma) | kEferSvme;
    if ((save.efer & kEferLme) != 0 && (save.cr0 & kCr0Paging) != 0) save.efer |= kEferLma;
    vmcb.control.interrupt_control =
        (vmcb.control.interrupt_control & ~InterruptControl::kTprMask) | (state.tpr & 0xF);
    return save.cr0 != old_cr0 || save.cr3 != old_cr3 || save.cr4 != old_cr4 ||
           save.efer != old_efer;
}

void load_segments(Vmcb& vmcb, const VcpuState& state) {
    VmcbStateSaveArea& save = vmcb.save;
    for_each_segment(save, state, [](VmcbSegment& to, const SegmentRegister& from) {
        to = from;
        to.attributes &= kAttributeMask;
    });
    for (VmcbSegment* segment : {&save.fs, &save.gs, &save.ldtr, &save.tr})
        segment->base = canonical(segment->base);
    save.cpl = static_cast<std::uint8_t>(save.ss.attributes >> 5 & 3);
}

void load_system_msrs(Vmcb& vmcb, const VcpuState& state) {
    VmcbStateSaveArea& save = vmcb.save;
    for_each_system_msr(save, state, [](std::uint64_t& to, std::uint64_t from) { to = from; });
    for (std::uint64_t* address :
         {&save.lstar, &save.cstar, &save.kernel_gs_base, &save.sysenter_esp, &save.sysenter_eip})
        *address = canonical(*address);
    save.sfmask &= 0xFFFF'FFFF;
    save.g_pat = sanitized_pat(save.g_pat);
}

void load_debug_group(Vmcb& vmcb, const VcpuState& state) {
    vmcb.save.dr6 = (state.dr6 & 0xE00F) | kDr6Fixed;
    vmcb.save.dr7 = (state.dr7 & 0xFFFF'2BFF) | kDr7Fixed;
}

void store_segments(const Vmcb& vmcb, VcpuState& state) {
    const VmcbStateSaveArea& save = vmcb.save;
    for_each_segment(save, state, [](const VmcbSegment& from, SegmentRegister& to) { to = from; });
    // The DPL of SS is the CPL, whatever the processor wrote (APM vol. 2, 15.5.1).
    state.segments[abi::kSs].attributes =
        static_cast<std::uint16_t>((save.ss.attributes & ~(3U << 5)) | unsigned{save.cpl} << 5);
}

void store_system_msrs(const Vmcb& vmcb, VcpuState& state) {
    for_each_system_msr(vmcb.save, state, [](std::uint64_t from, std::uint64_t& to) { to = from; });
}

}  // namespace redoubt::kernel::svm
