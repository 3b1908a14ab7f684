// The vCPU state page of x86-64: shared, read-write, by the kernel and the monitor that owns the vCPU.
//
// The kernel trusts nothing in it: what it reads it sanitizes into the control block at each entry.
// On every exit the kernel writes `exit` and the groups marked "always"; the other groups are written on
// VcpuControl/GetState. At entry it loads general registers, rip and rflags, `inject`, and the groups named
// in `dirty` (which it then clears).
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/exit.hpp"

namespace redoubt::abi {

// ExitKind, and what the fields of Exit hold:
//   Interrupted, Deadline
//   Exception        detail: vector; info1: error code; info2: CR2 for #PF. Only vectors in exception_exits
//   PortIo           detail: PortIoDetail; info1: port
//   Mmio             detail: MmioDetail; info1: guest-physical address
//   Halt, Shutdown, Hypercall (VMMCALL / VMCALL), Cpuid
//   Debug            detail: vector; info1: DR6
//   Msr              detail: 0 RDMSR, 1 WRMSR; number in rcx, value in rdx:rax
//   ControlRegister  detail: register; info1: 1 if write
//   InterruptWindow  asked for by kRequestInterruptWindow
//   Instruction      detail: InterceptedInstruction
//   EntryFailure     info1: hardware code

/// Bits of Exit::detail for PortIo.
struct PortIoDetail {
    static constexpr std::uint32_t kIn = 1U << 0;
    static constexpr std::uint32_t kString = 1U << 1;
    static constexpr std::uint32_t kRepeat = 1U << 2;
    static constexpr std::uint32_t kSizeShift = 4;  ///< bits 4..6: size in bytes, 1, 2 or 4
};
enum class InterceptedInstruction : std::uint32_t { Xsetbv = 1, Monitor = 2, Mwait = 3, Wbinvd = 4, Invd = 5,
    TaskSwitch = 6, VirtualizationExtension = 7 /* VMRUN, VMLOAD, …: answer #UD */, Other = 8,
    DebugRegister = 9,      ///< MOV to (info1: 1) or from a debug register: the monitor keeps them
    SoftwareInterrupt = 10, ///< INT n, INTO and, on processors whose #BP intercept misses it, INT3. Only if
                            ///< exception_exits has #BP; rip is at the instruction
};

struct Exit {
    ExitKind kind;
    std::uint32_t detail;
    std::uint64_t info1;
    std::uint64_t info2;
    std::uint64_t next_rip;           ///< rip after the instruction, or 0 if the processor does not tell
    std::uint8_t instruction_length;  ///< bytes in `instruction`; 0 if the processor does not give them
    std::uint8_t instruction[15];
};
static_assert(sizeof(Exit) == 48);

/// A segment register. attributes is SVM's 12-bit form: type 0..3, S 4, DPL 5..6, P 7, AVL 8, L 9, DB 10, G 11.
struct SegmentRegister {
    std::uint16_t selector;
    std::uint16_t attributes;
    std::uint32_t limit;  ///< in bytes, already scaled
    std::uint64_t base;
};
static_assert(sizeof(SegmentRegister) == 16);

/// Groups of registers for VcpuState::dirty and VcpuControl.
enum class RegisterGroup : std::uint32_t {
    Control = 1U << 0,      ///< cr0, cr2, cr3, cr4, efer, tpr
    Segments = 1U << 1,     ///< all eight segment registers, gdtr, idtr
    SystemMsrs = 1U << 2,   ///< star … pat, debug_control
    Debug = 1U << 3,        ///< dr0..3, dr6, dr7
    Tsc = 1U << 4,          ///< tsc_offset, tsc_aux
    Fpu = 1U << 5,          ///< xcr0 and the XSAVE area
    All = 0x3F,
};

/// An event for injection at the next entry; the layout of SVM's EVENTINJ and VMX's interruption information.
struct EventInjection {
    static constexpr std::uint64_t kValid = 1ULL << 31;
    static constexpr std::uint64_t kErrorCodeValid = 1ULL << 11;
    static constexpr std::uint64_t kExternalInterrupt = 0ULL << 8;
    static constexpr std::uint64_t kNmi = 2ULL << 8;
    static constexpr std::uint64_t kException = 3ULL << 8;
    static constexpr std::uint64_t kSoftwareInterrupt = 4ULL << 8;
    static constexpr unsigned kErrorCodeShift = 32;
};

/// Bits of VcpuState::control beside kExitAtOnce, written by the monitor.
inline constexpr std::uint32_t kRequestInterruptWindow = 1U << 0;
inline constexpr std::uint32_t kSingleStep = 1U << 1;        ///< exit with Debug after one instruction

/// Bits of VcpuState::interruptibility, always valid after an exit.
inline constexpr std::uint32_t kInterruptShadow = 1U << 0;   ///< STI or MOV SS shadow; writable (cleared = leave)
inline constexpr std::uint32_t kNmiBlocked = 1U << 1;

struct VcpuState {
    // -- written by the monitor, read at entry
    std::uint64_t deadline;         ///< ticks of the host counter; the run ends then (abi::kNever: no limit)
    std::uint64_t inject;           ///< EventInjection; cleared when it was delivered. If delivery was interrupted by
                                    ///< an exit the kernel puts the event back here.
    std::uint32_t control;
    std::uint32_t dirty;            ///< RegisterGroup mask
    std::uint32_t exception_exits;  ///< mask of exception vectors that end the run
    // -- always valid after an exit
    std::uint32_t interruptibility;
    Exit exit;
    std::uint64_t gpr[16];          ///< rax rcx rdx rbx rsp rbp rsi rdi r8 … r15, in encoding order
    std::uint64_t rip;
    std::uint64_t rflags;
    std::uint64_t cr0, cr2, cr3, cr4, efer;
    std::uint64_t tpr;              ///< CR8, 0..15
    std::uint64_t cs_base, ss_base; ///< copies of segments[Cs].base and segments[Ss].base
    std::uint32_t cs_attributes;    ///< likewise
    std::uint32_t cpl;
    // -- valid after VcpuControl/GetState of their group
    SegmentRegister segments[8];    ///< es cs ss ds fs gs ldtr tr
    SegmentRegister gdtr, idtr;     ///< base and limit only
    std::uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    std::uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    std::uint64_t pat, debug_control;
    std::uint64_t dr[4], dr6, dr7;
    std::uint64_t tsc_offset;       ///< guest TSC = host TSC + offset
    std::uint64_t tsc_aux;
    // -- statistics, written by the kernel
    std::uint64_t exits_in_kernel;  ///< exits the kernel resumed by itself (host interrupts, table fills)
    std::uint64_t exits_total;
    std::uint64_t guest_ticks;      ///< host ticks spent in the guest; while it is in the guest, less those of
                                    ///< its entry (so the top bit is set): add what the counter says now
    std::uint64_t reserved[7];
    std::uint64_t xcr0;
    std::uint32_t xsave_size;       ///< bytes used of xsave_area
    std::uint32_t reserved2;
    alignas(64) std::uint8_t xsave_area[2752];
};
static_assert(offsetof(VcpuState, exit) == 32);
static_assert(offsetof(VcpuState, gpr) == 80);
static_assert(offsetof(VcpuState, rip) == 208);
static_assert(offsetof(VcpuState, xsave_area) % 64 == 0);
static_assert(sizeof(VcpuState) <= 4096);

enum SegmentIndex : unsigned { kEs, kCs, kSs, kDs, kFs, kGs, kLdtr, kTr };
enum GprIndex : unsigned { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi, kR8, kR9, kR10, kR11, kR12, kR13, kR14, kR15 };

}  // namespace redoubt::abi
