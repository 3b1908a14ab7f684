// The vCPU state page of riscv64: shared, read-write, by the kernel and the monitor that owns the
// vCPU.
//
// The kernel trusts nothing in it. On every exit it writes `exit`, `inject` and all registers but
// the FPU group, which VcpuControl/GetState writes. At entry it loads pc, mode, the general
// registers, `inject` and `timer`, and the groups named in `dirty` (which it then clears); a change
// of other registers may or may not be seen.
//
// Interrupts are levels: `inject` is the guest's hvip. The monitor sets and clears VSEIP as its
// interrupt controller's output for this vCPU is, VSTIP if it keeps the timer, and sets VSSIP,
// which the guest clears itself: after a run `inject` has VSSIP as the guest left it. To be changed
// between runs only: kick a vCPU that is running first.
//
// The timer: where hv:/caps has the feature "sstc", the guest writes stimecmp (`timer`) itself and
// its timer interrupt becomes pending without an exit while it runs. While it does not run nobody
// looks at `timer`: after a Halt the monitor sleeps no longer than until the host's counter is
// timer - time_delta, if Exit::info1 has kInterruptTimer. Elsewhere the guest calls the SBI and the
// monitor sets `deadline`, then VSTIP.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/exit.hpp"

namespace redoubt::abi {

// ExitKind, and what the fields of Exit hold:
//   Interrupted, Deadline
//   Exception     detail: scause; info1: stval. Only those in exception_exits
//   Mmio          detail: MmioDetail; info1: guest-physical address; info2: guest-virtual address
//                 (of a page walk: that of the access it was for); instruction: htinst
//   Halt          WFI while none of the interrupts in vsie is pending; info1: vsie; info2: timer
//   Hypercall     ECALL from VS-mode; extension, function and arguments are in a7, a6 and a0 …
//   Instruction   a virtual-instruction exception other than WFI's: reading a counter but the time,
//                 a CSR or an instruction of the H-extension, and what kTrapTranslation asks for;
//                 instruction: its bits, or 0. Usually answered with an illegal-instruction
//                 exception
//   EntryFailure  detail: scause; info1: stval. The kernel does not know this cause

struct Exit {
    ExitKind kind;
    std::uint32_t detail;
    std::uint64_t info1;
    std::uint64_t info2;
    std::uint64_t next_pc;  ///< pc after the instruction, or 0 if the processor does not tell; pc
                            ///< itself is at the instruction
    /// Mmio: the load or store transformed as htinst has it (Privileged Architecture 8.6.3: bit 1
    /// clear means that the original was a compressed one), or 0: read it at pc.
    std::uint64_t instruction;
};
static_assert(sizeof(Exit) == 40);

/// Groups of registers for VcpuState::dirty and VcpuControl.
enum class RegisterGroup : std::uint32_t {
    Supervisor = 1U << 0,  ///< vsstatus … timer
    Fpu = 1U << 5,         ///< f … v
    /// Not registers, and only in `dirty`: what the processor keeps of the guest's page tables and
    /// instructions is forgotten (for the SBI's remote fences).
    Translations = 1U << 6,
    All = 0x61,
};

/// Of VcpuState::control: what the guest does with its address space, SFENCE.VMA and accesses to
/// satp, ends the run with ExitKind::Instruction (hstatus.VTVM; QEMU 7.2 lets accesses to satp
/// pass).
inline constexpr std::uint32_t kTrapTranslation = 1U << 3;

/// Bits of `inject`, of vsie in Exit::info1 of Halt, and of the guest's sip, moved: sip's bit n is
/// hvip's bit n + 1.
inline constexpr std::uint64_t kInjectSoftware = 1U << 2, kInjectTimer = 1U << 6,
                               kInjectExternal = 1U << 10;
/// Bits of vsie and of the guest's sip.
inline constexpr std::uint64_t kInterruptSoftware = 1U << 1, kInterruptTimer = 1U << 5,
                               kInterruptExternal = 1U << 9;

/// A processor with longer vector registers is one without.
inline constexpr std::uint32_t kMaximumVlenb = 64;

struct VcpuState {
    // -- written by the monitor, read at entry
    std::uint64_t deadline;  ///< ticks of the host counter; the run ends then (abi::kNever: never)
    std::uint64_t inject;    ///< hvip: VSSIP, VSTIP, VSEIP
    std::uint32_t control;   ///< kExitAtOnce, kTrapTranslation
    std::uint32_t dirty;     ///< RegisterGroup mask
    std::uint32_t exception_exits;   ///< mask of exceptions that end the run instead of going to
                                     ///< the guest: of 0 … 8, 12, 13 and 15
    std::uint32_t interruptibility;  ///< not used
    // -- always valid after an exit
    Exit exit;
    std::uint64_t gpr[32];  ///< x0 (ignored) … x31
    std::uint64_t pc;
    std::uint64_t mode;  ///< 1: VS, 0: VU
    std::uint64_t vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp;
    std::uint64_t scounteren, senvcfg;
    std::uint64_t time_delta;  ///< guest time = host time + delta
    std::uint64_t timer;       ///< vstimecmp: guest time at which its timer interrupt is pending
    // -- statistics, written by the kernel
    std::uint64_t exits_in_kernel;  ///< exits the kernel resumed by itself
    std::uint64_t exits_total;
    std::uint64_t guest_ticks;  ///< host ticks spent in the guest; while it is in the guest, less
                                ///< those of its entry: add what the counter says now
    std::uint64_t reserved[7];
    // -- written by the kernel when it makes the vCPU
    std::uint64_t vlenb;  ///< bytes of a vector register; 0: the guest has none
    // -- valid after VcpuControl/GetState
    std::uint64_t f[32];
    std::uint64_t fcsr;
    std::uint64_t vstart, vcsr, vl, vtype;
    std::uint8_t v[32 * kMaximumVlenb];  ///< v0 … v31, vlenb bytes each
};
static_assert(offsetof(VcpuState, exit) == 32);
static_assert(offsetof(VcpuState, gpr) == 72);
static_assert(offsetof(VcpuState, pc) == 328);
static_assert(offsetof(VcpuState, vsstatus) == 344);
static_assert(sizeof(VcpuState) <= 4096);

}  // namespace redoubt::abi
