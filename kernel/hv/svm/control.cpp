// The contents of a new control block and of the permission maps.
#include "kernel/hv/svm/control.hpp"

namespace redoubt::kernel::svm {
namespace {

/// Makes reads and writes of an MSR pass through (APM vol. 2, 15.11: two bits each, three ranges).
void pass_through(PermissionMaps& maps, std::uint32_t msr) {
    std::uint32_t bit = 0;
    if (msr < 0x2000) {
        bit = msr * 2;
    } else if (msr >= 0xC000'0000 && msr < 0xC000'2000) {
        bit = 0x800 * 8 + (msr - 0xC000'0000) * 2;
    } else {
        return;
    }
    maps.msr[bit / 8] = static_cast<std::uint8_t>(maps.msr[bit / 8] & ~(3U << (bit % 8)));
}

}  // namespace

void initialize_permission_maps(PermissionMaps& maps) {
    for (auto& byte : maps.io) byte = 0xFF;
    for (auto& byte : maps.msr) byte = 0xFF;
    constexpr std::uint32_t kSwitched[] = {
        0x174,       0x175,       0x176,  // SYSENTER_CS, ESP, EIP
        0x277,                            // PAT: the VMCB's G_PAT under nested paging
        0xC000'0081, 0xC000'0082, 0xC000'0083, 0xC000'0084,  // STAR, LSTAR, CSTAR, SFMASK
        0xC000'0100, 0xC000'0101, 0xC000'0102,               // FS, GS and kernel GS base
    };
    for (const std::uint32_t msr : kSwitched) pass_through(maps, msr);
}

void initialize_state(VmcbStateSaveArea& save) {
    __builtin_memset(&save, 0, sizeof save);
    const VmcbSegment data{0, 0x93, 0xFFFF, 0};
    save.es = save.ss = save.ds = save.fs = save.gs = data;
    save.cs = VmcbSegment{0xF000, 0x9B, 0xFFFF, 0xFFFF'0000};
    save.gdtr = save.idtr = VmcbSegment{0, 0, 0xFFFF, 0};
    save.ldtr = VmcbSegment{0, 0x82, 0xFFFF, 0};
    save.tr = VmcbSegment{0, 0x8B, 0xFFFF, 0};
    save.efer = kEferSvme;
    save.cr0 = 0x6000'0010;
    save.dr6 = 0xFFFF'0FF0;
    save.dr7 = 0x400;
    save.rflags = 2;
    save.rip = 0xFFF0;
    save.g_pat = 0x0007'0406'0007'0406;
}

void initialize_control(Vmcb& vmcb, PhysicalAddress nested_root, PhysicalAddress io_map,
                        PhysicalAddress msr_map) {
    __builtin_memset(&vmcb, 0, sizeof vmcb);
    VmcbControlArea& control = vmcb.control;
    // Reads of CR8 see V_TPR; writes would have to be checked against a pending V_IRQ, which makes
    // QEMU 7.2 abort.
    // Writes of CR4 until one may set OSXSAVE, which is what makes XCR0 visible.
    control.cr_writes = 1U << 8 | 1U << 4;
    // Debug registers are the monitor's business.
    control.dr_reads = control.dr_writes = 0xFFFF;
    control.exceptions = kForcedExceptions;
    control.intercepts1 = Intercept1::kIntr | Intercept1::kNmi | Intercept1::kSmi |
                          Intercept1::kInit | Intercept1::kRdpmc | Intercept1::kCpuid |
                          Intercept1::kRsm | Intercept1::kInvd | Intercept1::kHlt |
                          Intercept1::kInvlpga | Intercept1::kIoio | Intercept1::kMsr |
                          Intercept1::kTaskSwitch | Intercept1::kShutdown;
    control.intercepts2 = Intercept2::kVmrun | Intercept2::kVmmcall | Intercept2::kVmload |
                          Intercept2::kVmsave | Intercept2::kStgi | Intercept2::kClgi |
                          Intercept2::kSkinit | Intercept2::kWbinvd | Intercept2::kMonitor |
                          Intercept2::kMwait | Intercept2::kMwaitArmed | Intercept2::kXsetbv |
                          Intercept2::kRdpru;
    control.iopm_base = io_map.value();
    control.msrpm_base = msr_map.value();
    control.interrupt_control = InterruptControl::kMasking;
    control.nested_paging = 1;
    control.nested_cr3 = nested_root.value();
    initialize_state(vmcb.save);
}

}  // namespace redoubt::kernel::svm
