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
};

}  // namespace redoubt::abi::hv
