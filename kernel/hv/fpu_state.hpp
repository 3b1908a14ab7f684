// The guest's floating-point state between the state page and the area the kernel saves to and
// restores from; each architecture has its own.
#pragma once

namespace redoubt::kernel {
struct Vcpu;
}

namespace redoubt::kernel::hv {

/// Of a vCPU under construction: both hold the state after reset.
void initialize_fpu(Vcpu& vcpu);
/// The FPU group of the state page into the area that guests run with, sanitized.
void load_fpu(Vcpu& vcpu);
/// Back into the state page.
void store_fpu(Vcpu& vcpu);

}  // namespace redoubt::kernel::hv
