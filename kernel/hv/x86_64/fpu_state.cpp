// The guest's x87, SSE and AVX state: XSAVE areas, and XCR0.
#include "kernel/hv/fpu_state.hpp"

#include "arch/fpu.hpp"
#include "arch/fpu_switch.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/hv/x86_64/xsave.hpp"

namespace redoubt::kernel::hv {

void initialize_fpu(Vcpu& vcpu) {
    fpu_initialize(vcpu.fpu_area);
    vcpu.state().xcr0 = vcpu.xcr0;
    vcpu.state().xsave_size = static_cast<std::uint32_t>(fpu_state_size());
}

void load_fpu(Vcpu& vcpu) {
    const std::size_t size = fpu_state_size();
    fpu_forget(vcpu.fpu_area);
    __builtin_memcpy(vcpu.fpu_area, vcpu.state().xsave_area, size);
    sanitize_fpu_area(vcpu.fpu_area, fpu_features());
    vcpu.xcr0 = sanitized_xcr0(vcpu.state().xcr0, fpu_features());
}

void store_fpu(Vcpu& vcpu) {
    const std::size_t size = fpu_state_size();
    fpu_flush(vcpu.fpu_area);
    __builtin_memcpy(vcpu.state().xsave_area, vcpu.fpu_area, size);
    vcpu.state().xsave_size = static_cast<std::uint32_t>(size);
    vcpu.state().xcr0 = vcpu.xcr0;
}

}  // namespace redoubt::kernel::hv
