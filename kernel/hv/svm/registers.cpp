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

VmcbSegment load_segment(const SegmentRegister& from) {
    return {from.selector, static_cast<std::uint16_t>(from.attributes & kAttributeMask), from.limit,
            from.base};
}

SegmentRegister store_segment(const VmcbSegment& from) {
    return {from.selector, from.attributes, from.limit, from.base};
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
    save.es = load_segment(state.segments[abi::kEs]);
    save.cs = load_segment(state.segments[abi::kCs]);
    save.ss = load_segment(state.segments[abi::kSs]);
    save.ds = load_segment(state.segments[abi::kDs]);
    save.fs = load_segment(state.segments[abi::kFs]);
    save.gs = load_segment(state.segments[abi::kGs]);
    save.ldtr = load_segment(state.segments[abi::kLdtr]);
    save.tr = load_segment(state.segments[abi::kTr]);
    save.gdtr = load_segment(state.gdtr);
    save.idtr = load_segment(state.idtr);
    for (VmcbSegment* segment : {&save.fs, &save.gs, &save.ldtr, &save.tr})
        segment->base = canonical(segment->base);
    save.cpl = static_cast<std::uint8_t>(save.ss.attributes >> 5 & 3);
}

void load_system_msrs(Vmcb& vmcb, const VcpuState& state) {
    VmcbStateSaveArea& save = vmcb.save;
    save.star = state.star;
    save.lstar = canonical(state.lstar);
    save.cstar = canonical(state.cstar);
    save.sfmask = state.sfmask & 0xFFFF'FFFF;
    save.kernel_gs_base = canonical(state.kernel_gs_base);
    save.sysenter_cs = state.sysenter_cs;
    save.sysenter_esp = canonical(state.sysenter_esp);
    save.sysenter_eip = canonical(state.sysenter_eip);
    save.g_pat = sanitized_pat(state.pat);
    save.dbgctl = state.debug_control;
}

void load_debug_group(Vmcb& vmcb, const VcpuState& state) {
    vmcb.save.dr6 = (state.dr6 & 0xE00F) | kDr6Fixed;
    vmcb.save.dr7 = (state.dr7 & 0xFFFF'2BFF) | kDr7Fixed;
}

void store_segments(const Vmcb& vmcb, VcpuState& state) {
    const VmcbStateSaveArea& save = vmcb.save;
    state.segments[abi::kEs] = store_segment(save.es);
    state.segments[abi::kCs] = store_segment(save.cs);
    state.segments[abi::kSs] = store_segment(save.ss);
    // The DPL of SS is the CPL, whatever the processor wrote (APM vol. 2, 15.5.1).
    state.segments[abi::kSs].attributes =
        static_cast<std::uint16_t>((save.ss.attributes & ~(3U << 5)) | unsigned{save.cpl} << 5);
    state.segments[abi::kDs] = store_segment(save.ds);
    state.segments[abi::kFs] = store_segment(save.fs);
    state.segments[abi::kGs] = store_segment(save.gs);
    state.segments[abi::kLdtr] = store_segment(save.ldtr);
    state.segments[abi::kTr] = store_segment(save.tr);
    state.gdtr = store_segment(save.gdtr);
    state.idtr = store_segment(save.idtr);
}

void store_system_msrs(const Vmcb& vmcb, VcpuState& state) {
    const VmcbStateSaveArea& save = vmcb.save;
    state.star = save.star;
    state.lstar = save.lstar;
    state.cstar = save.cstar;
    state.sfmask = save.sfmask;
    state.kernel_gs_base = save.kernel_gs_base;
    state.sysenter_cs = save.sysenter_cs;
    state.sysenter_esp = save.sysenter_esp;
    state.sysenter_eip = save.sysenter_eip;
    state.pat = save.g_pat;
    state.debug_control = save.dbgctl;
}

}  // namespace redoubt::kernel::svm
