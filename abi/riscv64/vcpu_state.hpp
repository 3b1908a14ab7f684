// The vCPU state page of riscv64: shared, read-write, by the kernel and the monitor that owns the
// vCPU.
//
// The kernel trusts nothing in it. On every exit the kernel writes `exit`, the general registers
// and pc; the other groups are written on VcpuControl/GetState. At entry it loads general registers
// and pc, `inject`, and the groups named in `dirty` (which it then clears).
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::abi {

enum class ExitKind : std::uint32_t {
    Interrupted = 0,  ///< kicked, or an ending of the run without a guest event; just run again
    Deadline = 1,     ///< VcpuState::deadline passed
    Exception = 2,    ///< detail: scause. Only those in exception_exits
    Mmio = 4,  ///< info1: guest-physical address; detail: MmioDetail. Not mapped, or not with that
               ///< right
    Halt = 5,  ///< WFI
    Hypercall = 7,      ///< ECALL from VS-mode: an SBI call
    Instruction = 13,   ///< a virtual instruction exception; info1: the instruction
    EntryFailure = 14,  ///< the state cannot be entered with
};

/// Bits of Exit::detail for Mmio.
struct MmioDetail {
    static constexpr std::uint32_t kWrite = 1U << 0;
    static constexpr std::uint32_t kFetch = 1U << 1;
    static constexpr std::uint32_t kPageTable = 1U
                                                << 2;  ///< the access was the guest's own page walk
};

struct Exit {
    ExitKind kind;
    std::uint32_t detail;
    std::uint64_t info1;
    std::uint64_t info2;
    std::uint64_t instruction;  ///< the instruction as htinst or stval tells it, or 0
};
static_assert(sizeof(Exit) == 32);

/// Groups of registers for VcpuState::dirty and VcpuControl.
enum class RegisterGroup : std::uint32_t {
    Supervisor = 1U << 0,  ///< vsstatus … vsatp, mode
    Time = 1U << 1,        ///< time_delta, timer
    Fpu = 1U << 5,         ///< f, fcsr
    All = 0x23,
};

/// Bits of VcpuState::control, written by the monitor.
inline constexpr std::uint32_t kExitAtOnce = 1U << 2;  ///< return before entering the guest

struct VcpuState {
    // -- written by the monitor, read at entry
    std::uint64_t
        deadline;          ///< ticks of the host counter; the run ends then (abi::kNever: no limit)
    std::uint64_t inject;  ///< mask of hvip's bits: virtual interrupts that are pending
    std::uint32_t control;
    std::uint32_t dirty;  ///< RegisterGroup mask
    std::uint32_t
        exception_exits;  ///< mask of exceptions that end the run instead of going to the guest
    // -- always valid after an exit
    std::uint32_t
        interruptibility;  ///< always 0: interrupts are pending until the guest takes them
    Exit exit;
    std::uint64_t gpr[32];  ///< x0 (always 0) … x31
    std::uint64_t pc;
    // -- valid after VcpuControl/GetState of their group
    std::uint64_t mode;  ///< 1: VS, 0: VU
    std::uint64_t vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp;
    std::uint64_t time_delta;  ///< guest time = host time + delta
    std::uint64_t timer;       ///< guest time at which its timer interrupt becomes pending
    // -- statistics, written by the kernel
    std::uint64_t
        exits_in_kernel;  ///< exits the kernel resumed by itself (host interrupts, table fills)
    std::uint64_t exits_total;
    std::uint64_t guest_ticks;  ///< host ticks spent in the guest
    std::uint64_t reserved[8];
    std::uint64_t f[32];
    std::uint64_t fcsr;
};
static_assert(offsetof(VcpuState, exit) == 32);
static_assert(offsetof(VcpuState, gpr) == 64);
static_assert(sizeof(VcpuState) <= 4096);

/// Second argument of VcpuControl; the third is a RegisterGroup mask.
enum class VcpuOperation : std::uint32_t {
    Kick = 0,      ///< a run in progress, or else the next one, returns at once with Interrupted
    GetState = 1,  ///< write the groups into the state page (the vCPU must not be running)
};

}  // namespace redoubt::abi
