// The guest's floating-point and vector registers.
#include "kernel/hv/fpu_state.hpp"

#include "arch/fpu.hpp"
#include "arch/fpu_switch.hpp"
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hv {
namespace {

constexpr std::uint64_t kFcsrMask = 0xFF, kVcsrMask = 7;

FpuArea& area_of(Vcpu& vcpu) { return *static_cast<FpuArea*>(vcpu.fpu_area); }

/// The page's registers are laid out as an area's are.
std::size_t register_bytes() { return fpu_state_size() - offsetof(FpuArea, f); }
static_assert(sizeof(FpuArea) - offsetof(FpuArea, f) ==
                  sizeof(abi::VcpuState) - offsetof(abi::VcpuState, f) &&
              offsetof(FpuArea, v) - offsetof(FpuArea, f) ==
                  offsetof(abi::VcpuState, v) - offsetof(abi::VcpuState, f));

}  // namespace

void initialize_fpu(Vcpu& vcpu) {
    fpu_initialize(vcpu.fpu_area);
    vcpu.state().vlenb = features().vector_bytes;
}

/// The processor itself makes something legal of any vl, vtype and vstart.
void load_fpu(Vcpu& vcpu) {
    FpuArea& area = area_of(vcpu);
    fpu_forget(&area);
    __builtin_memcpy(area.f, vcpu.state().f, register_bytes());
    area.fcsr &= kFcsrMask;
    area.vcsr &= kVcsrMask;
}

void store_fpu(Vcpu& vcpu) {
    fpu_flush(vcpu.fpu_area);
    __builtin_memcpy(vcpu.state().f, area_of(vcpu).f, register_bytes());
}

}  // namespace redoubt::kernel::hv
