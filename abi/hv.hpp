// The hv: scheme, served by the kernel over SyscallNumber::Call with the scheme protocol (abi/scheme.hpp).
//
//   capability        Open path          flags    carries      gives
//   root HvFile       "caps"             None     -            HvFile (text)
//   root HvFile       "vm"               None     -            HvFile (List: the caller's VM ids)
//   root HvFile       "vm"               Create   Untyped      Vm; mr2: size_bits of the Vm object, mr3: bits that its
//                                                                       guest-physical addresses need; 0: any
//   root HvFile       "vm/<id>"          None     -            the Vm again (only VMs made through the same badge)
//   root HvFile       "vm/<id>/memory"   None     -            HvFile (text: the guest-physical map)
//   root HvFile       "vm/<id>/vcpu/<n>" None     -            the Vcpu again
//   Vm                "vcpu/<n>"         Create   Untyped      Vcpu
//   Vm                "memory"           None     -            HvFile (text)
// Read on an HvFile or a Vm gives text; Stat its length. Map on a Vcpu gives the Frame of its state page.
// Guest memory is mapped with SyscallNumber::Map on the Vm.
#pragma once

#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::abi::hv {

/// Codes of scheme::Operation::Call on a Vm.
enum class VmCall : std::uint64_t {
    Destroy = 1,     ///< ends the VM in any state; its vCPUs' runs return Cancelled; memory is reusable after the
                     ///< Vm capability's Untyped is revoked
    Statistics = 2,  ///< reply mr2: bytes of the object's pool in use, mr3: bytes free
    BindDoorbell = 3,    ///< payload: Doorbell; carries a Notification, which a matching store signals with its badge
                         ///< while the guest goes on, until the capability that was sent is deleted or revoked
    UnbindDoorbell = 4,  ///< payload: the Doorbell that was bound
    Protect = 5,         ///< payload: Protection; carries a Frame that is mapped in the VM. One page of it has these rights
                         ///< from now on, within the capability's. Only on riscv64, else NotSupported
};

/// Codes of scheme::Operation::Call on a Vcpu.
enum class VcpuCall : std::uint64_t {
    SetIdentification = 1,  ///< payload: a table of what the instructions that identify the processor answer without an
                            ///< exit from now on (abi/x86_64/identification.hpp). All else exits. Replaces the table; after
                            ///< an error there is none. NotSupported where there are no such instructions
};

/// What a guest's stores go to.
enum class StoreSpace : std::uint32_t {
    Port = 0,           ///< where the processor has I/O ports
    GuestPhysical = 1,  ///< no backend can bind these yet
};

/// A store that is nothing but a signal.
struct Doorbell {
    std::uint64_t address;
    std::uint16_t size;   ///< of the store in bytes: 1, 2 or 4; 0: any
    std::uint16_t match;  ///< 1: only if `value` is written
    std::uint32_t value;
    StoreSpace space = StoreSpace::Port;  ///< NotSupported where the backend has no doorbells there
    std::uint32_t reserved = 0;
};
static_assert(sizeof(Doorbell) == 24);
inline constexpr unsigned kMaximumDoorbells = 16;  ///< of one VM

/// Rights of 4 KiB of guest memory, for whoever watches accesses: one without the right ends the run with ExitKind::Mmio.
/// While they differ from those around, a large page is in pieces, which takes a table or two of the VM's pool.
struct Protection {
    std::uint64_t offset;  ///< in the frame
    MapFlags flags;        ///< Read and more, or Execute alone
    std::uint32_t reserved;
};
static_assert(sizeof(Protection) == 16);
inline constexpr unsigned kMaximumSplitPages = 16;  ///< large pages of one VM that are in pieces at a time

}  // namespace redoubt::abi::hv
