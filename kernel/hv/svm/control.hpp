// The virtual machine control block (APM vol. 2, appendix B), its bits, and how one is set up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/x86_64/vcpu_state.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel::svm {

/// Bits of VmcbControlArea::intercepts1 (offset 00Ch).
struct Intercept1 {
    static constexpr std::uint32_t kIntr = 1U << 0, kNmi = 1U << 1, kSmi = 1U << 2, kInit = 1U << 3,
                                   kVintr = 1U << 4, kCr0SelectiveWrite = 1U << 5,
                                   kRdpmc = 1U << 15, kCpuid = 1U << 18, kRsm = 1U << 19,
                                   kIret = 1U << 20, kSoftwareInterrupt = 1U << 21,
                                   kInvd = 1U << 22, kHlt = 1U << 24, kInvlpga = 1U << 26,
                                   kIoio = 1U << 27, kMsr = 1U << 28, kTaskSwitch = 1U << 29,
                                   kShutdown = 1U << 31;
};

/// Bits of VmcbControlArea::intercepts2 (offset 010h).
struct Intercept2 {
    static constexpr std::uint32_t kVmrun = 1U << 0, kVmmcall = 1U << 1, kVmload = 1U << 2,
                                   kVmsave = 1U << 3, kStgi = 1U << 4, kClgi = 1U << 5,
                                   kSkinit = 1U << 6, kWbinvd = 1U << 9, kMonitor = 1U << 10,
                                   kMwait = 1U << 11, kMwaitArmed = 1U << 12, kXsetbv = 1U << 13,
                                   kRdpru = 1U << 14;
};

/// Bits of VmcbControlArea::interrupt_control (offset 060h).
struct InterruptControl {
    static constexpr std::uint64_t kTprMask = 0xFF, kIrqPending = 1ULL << 8,
                                   kPriorityMask = 0xFULL << 16, kIgnoreTpr = 1ULL << 20,
                                   kMasking = 1ULL << 24;
};

/// VmcbControlArea::tlb_control (offset 05Ch).
enum class TlbControl : std::uint32_t { None = 0, FlushAll = 1 };

/// Exit codes (APM vol. 2, appendix C).
enum class ExitCode : std::uint64_t {
    ReadCr0 = 0x00,
    ReadCr8 = 0x08,
    WriteCr0 = 0x10,
    WriteCr4 = 0x14,
    WriteCr8 = 0x18,
    ReadDr0 = 0x20,
    WriteDr0 = 0x30,
    WriteDr15 = 0x3F,
    Exception0 = 0x40,
    Exception31 = 0x5F,
    Intr = 0x60,
    Nmi = 0x61,
    Smi = 0x62,
    Init = 0x63,
    Vintr = 0x64,
    Cr0SelectiveWrite = 0x65,  ///< changes other bits than TS and MP
    Rdpmc = 0x6F,
    Cpuid = 0x72,
    Rsm = 0x73,
    Iret = 0x74,
    SoftwareInterrupt = 0x75,
    Invd = 0x76,
    Hlt = 0x78,
    Invlpga = 0x7A,
    Ioio = 0x7B,
    Msr = 0x7C,
    TaskSwitch = 0x7D,
    Shutdown = 0x7F,
    Vmrun = 0x80,
    Vmmcall = 0x81,
    Vmload = 0x82,
    Vmsave = 0x83,
    Stgi = 0x84,
    Clgi = 0x85,
    Skinit = 0x86,
    Wbinvd = 0x89,
    Monitor = 0x8A,
    Mwait = 0x8B,
    MwaitArmed = 0x8C,
    Xsetbv = 0x8D,
    Rdpru = 0x8E,
    NestedPageFault = 0x400,
    Invalid = ~0ULL,
    Invalid32 = 0xFFFF'FFFF,  ///< QEMU 7.2 may write only the low half
};

struct VmcbControlArea {
    std::uint16_t cr_reads, cr_writes;
    std::uint16_t dr_reads, dr_writes;
    std::uint32_t exceptions;
    std::uint32_t intercepts1, intercepts2, intercepts3;
    std::uint8_t reserved1[0x40 - 0x18];
    std::uint64_t iopm_base, msrpm_base;
    std::uint64_t tsc_offset;
    std::uint32_t asid;
    TlbControl tlb_control;
    std::uint64_t interrupt_control;
    std::uint64_t interrupt_shadow;  ///< bit 0: shadow
    ExitCode exit_code;
    std::uint64_t exit_info1, exit_info2;
    std::uint64_t exit_interrupt_info;
    std::uint64_t nested_paging;  ///< bit 0: enable
    std::uint8_t reserved2[0xA8 - 0x98];
    std::uint64_t event_injection;
    std::uint64_t nested_cr3;
    std::uint64_t lbr_virtualization;
    std::uint64_t clean_bits;
    std::uint64_t next_rip;
    std::uint8_t fetched_bytes;
    std::uint8_t instruction[15];
    std::uint8_t reserved3[0x400 - 0xE0];
};
static_assert(offsetof(VmcbControlArea, exceptions) == 0x008);
static_assert(offsetof(VmcbControlArea, intercepts1) == 0x00C);
static_assert(offsetof(VmcbControlArea, iopm_base) == 0x040);
static_assert(offsetof(VmcbControlArea, tsc_offset) == 0x050);
static_assert(offsetof(VmcbControlArea, asid) == 0x058);
static_assert(offsetof(VmcbControlArea, interrupt_control) == 0x060);
static_assert(offsetof(VmcbControlArea, exit_code) == 0x070);
static_assert(offsetof(VmcbControlArea, exit_interrupt_info) == 0x088);
static_assert(offsetof(VmcbControlArea, nested_paging) == 0x090);
static_assert(offsetof(VmcbControlArea, event_injection) == 0x0A8);
static_assert(offsetof(VmcbControlArea, nested_cr3) == 0x0B0);
static_assert(offsetof(VmcbControlArea, next_rip) == 0x0C8);
static_assert(offsetof(VmcbControlArea, fetched_bytes) == 0x0D0);
static_assert(sizeof(VmcbControlArea) == 0x400);

/// The state page has the control block's layout (APM vol. 2, appendix B).
using VmcbSegment = abi::SegmentRegister;

struct VmcbStateSaveArea {
    VmcbSegment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    std::uint8_t reserved1[0xCB - 0xA0];
    std::uint8_t cpl;
    std::uint32_t reserved2;
    std::uint64_t efer;
    std::uint8_t reserved3[0x148 - 0xD8];
    std::uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    std::uint8_t reserved4[0x1D8 - 0x180];
    std::uint64_t rsp;
    std::uint8_t reserved5[0x1F8 - 0x1E0];
    std::uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    std::uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    std::uint8_t reserved6[0x268 - 0x248];
    std::uint64_t g_pat;
    std::uint64_t dbgctl;
    std::uint8_t reserved7[0xC00 - 0x278];
};
static_assert(offsetof(VmcbStateSaveArea, ldtr) == 0x470 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, tr) == 0x490 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, cpl) == 0x4CB - 0x400);
static_assert(offsetof(VmcbStateSaveArea, efer) == 0x4D0 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, cr4) == 0x548 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, rip) == 0x578 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, rsp) == 0x5D8 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, rax) == 0x5F8 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, cr2) == 0x640 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, g_pat) == 0x668 - 0x400);
static_assert(offsetof(VmcbStateSaveArea, dbgctl) == 0x670 - 0x400);

struct alignas(4096) Vmcb {
    VmcbControlArea control;
    VmcbStateSaveArea save;
};
static_assert(sizeof(Vmcb) == 4096);
static_assert(offsetof(Vmcb, save) == 0x400);

inline constexpr std::uint64_t kEferSvme = 1ULL << 12;
inline constexpr std::uint64_t kEferLme = 1ULL << 8, kCr0Paging = 1ULL << 31, kCr4Pae = 1ULL << 5;
inline constexpr unsigned kDebugVector = 1, kBreakpointVector = 3, kAlignmentCheckVector = 17,
                          kMachineCheckVector = 18;
/// Always intercepted: #AC and #DB can otherwise be raised without end during their own delivery,
/// with the processor deaf to interrupts; #MC belongs to the host.
inline constexpr std::uint32_t kForcedExceptions =
    1U << kDebugVector | 1U << kAlignmentCheckVector | 1U << kMachineCheckVector;

/// The I/O and MSR permission maps (APM vol. 2, 15.10 and 15.11), the same for every VM.
struct alignas(4096) PermissionMaps {
    std::uint8_t io[0x3000];
    std::uint8_t msr[0x2000];
};
/// All ports exit; all MSRs but those that the world switch exchanges or the VMCB holds do.
void initialize_permission_maps(PermissionMaps& maps);

/// The processor's state after RESET (APM vol. 2, 14.1.3).
void initialize_state(VmcbStateSaveArea& save);

/// A control block with everything intercepted that must be, and the processor in its state after
/// RESET.
void initialize_control(Vmcb& vmcb, PhysicalAddress nested_root, PhysicalAddress io_map,
                        PhysicalAddress msr_map);

}  // namespace redoubt::kernel::svm
