// What every architecture's vCPU state page and exit records have in common.
#pragma once

#include <cstdint>

namespace redoubt::abi {

/// Why a run ended. Which fields of Exit say what, and which kinds there are, depends on the
/// architecture: see its vcpu_state.hpp.
enum class ExitKind : std::uint32_t {
    Interrupted = 0,  ///< kicked, or an ending of the run without a guest event; just run again
    Deadline = 1,     ///< VcpuState::deadline passed
    Exception = 2,    ///< one of those in exception_exits
    PortIo = 3,       ///< x86
    Mmio = 4,         ///< guest-physical memory that is not mapped, or not with that right
    Halt = 5,         ///< HLT, WFI
    Shutdown = 6,     ///< x86: triple fault, or INIT with nothing to do
    Hypercall = 7,    ///< VMMCALL; an SBI call
    Debug = 8,        ///< x86: #DB or #BP taken for the debugger
    Msr = 9,          ///< x86
    Cpuid = 10,       ///< x86
    ControlRegister = 11,  ///< x86: CR8, or CR0/CR4 bits the kernel does not grant
    InterruptWindow = 12,  ///< x86: the guest can take an interrupt now
    Instruction = 13,      ///< an instruction that the monitor executes or refuses
    EntryFailure = 14,     ///< the processor refused the state, or ended the run in an unknown way
};

/// Bits of Exit::detail for Mmio, whose info1 is the guest-physical address.
struct MmioDetail {
    static constexpr std::uint32_t kWrite = 1U << 0;
    static constexpr std::uint32_t kFetch = 1U << 1;
    /// The access was the guest's own page walk.
    static constexpr std::uint32_t kPageTable = 1U << 2;
};

/// Of VcpuState::control, everywhere: return before entering the guest.
inline constexpr std::uint32_t kExitAtOnce = 1U << 2;

/// Second argument of VcpuControl; the third is a RegisterGroup mask.
enum class VcpuOperation : std::uint32_t {
    Kick = 0,      ///< a run in progress, or else the next one, returns at once with Interrupted
    GetState = 1,  ///< write the groups into the state page (the vCPU must not be running)
};

}  // namespace redoubt::abi
