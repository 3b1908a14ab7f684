// The hv: scheme, served by the kernel over SyscallNumber::Call with the scheme protocol (abi/scheme.hpp).
//
//   capability        Open path          flags    carries      gives
//   root HvFile       "caps"             None     -            HvFile (text)
//   root HvFile       "vm"               None     -            HvFile (List: the caller's VM ids)
//   root HvFile       "vm"               Create   Untyped      Vm; mr2: size_bits of the Vm object
//   root HvFile       "vm/<id>"          None     -            the Vm again (only VMs made through the same badge)
//   root HvFile       "vm/<id>/memory"   None     -            HvFile (text: the guest-physical map)
//   root HvFile       "vm/<id>/vcpu/<n>" None     -            the Vcpu again
//   Vm                "vcpu/<n>"         Create   Untyped      Vcpu
//   Vm                "memory"           None     -            HvFile (text)
// Read on an HvFile or a Vm gives text; Stat its length. Map on a Vcpu gives the Frame of its state page.
// Guest memory is mapped with SyscallNumber::Map on the Vm.
#pragma once

#include <cstdint>

namespace redoubt::abi::hv {

/// Codes of scheme::Operation::Call on a Vm.
enum class VmCall : std::uint64_t {
    Destroy = 1,     ///< ends the VM in any state; its vCPUs' runs return Cancelled; memory is reusable after the
                     ///< Vm capability's Untyped is revoked
    Statistics = 2,  ///< reply mr2: bytes of the object's pool in use, mr3: bytes free
    BindDoorbell = 3,    ///< payload: Doorbell; carries a Notification, which a matching OUT signals with its badge while
                         ///< the guest goes on, until the capability that was sent is deleted or revoked
    UnbindDoorbell = 4,  ///< payload: the Doorbell that was bound
};

/// Codes of scheme::Operation::Call on a Vcpu.
enum class VcpuCall : std::uint64_t {
    SetCpuid = 1,  ///< payload: CpuidEntry[], at most kMaximumCpuidEntries: what CPUID answers without an exit from now
                   ///< on. All other leaves exit. Replaces the table; after an error there is none.
};

/// Output to a port that is nothing but a signal.
struct Doorbell {
    std::uint16_t port;
    std::uint8_t size;       ///< of the OUT in bytes: 1, 2 or 4; 0: any
    std::uint8_t match;      ///< 1: only if `value` is written
    std::uint32_t value;
};
static_assert(sizeof(Doorbell) == 8);
inline constexpr unsigned kMaximumDoorbells = 16;  ///< of one VM

struct CpuidEntry {
    static constexpr std::uint32_t kAnySubleaf = 1U << 0;
    static constexpr std::uint32_t kShowsOsxsave = 1U << 1;  ///< bit 27 of ecx is the guest's CR4.OSXSAVE

    std::uint32_t leaf, subleaf;
    std::uint32_t flags;
    std::uint32_t eax, ebx, ecx, edx;
    std::uint32_t reserved;  ///< 0
};
static_assert(sizeof(CpuidEntry) == 32);
inline constexpr unsigned kMaximumCpuidEntries = 64;

}  // namespace redoubt::abi::hv
