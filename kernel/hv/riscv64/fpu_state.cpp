// The guest's floating-point registers.
#include "kernel/hv/fpu_state.hpp"

#include "arch/fpu.hpp"
#include "kernel/hv/vcpu.hpp"

namespace redoubt::kernel::hv {
namespace {

constexpr std::uint64_t kFcsrMask = 0xFF;
/// The page's f and fcsr are laid out as an area is.
constexpr std::size_t kBytes = 33 * 8;

}  // namespace

void initialize_fpu(Vcpu& vcpu) { fpu_initialize(vcpu.fpu_area); }

static_assert(offsetof(abi::VcpuState, fcsr) == offsetof(abi::VcpuState, f) + 32 * 8);

void load_fpu(Vcpu& vcpu) {
    fpu_forget(vcpu.fpu_area);
    __builtin_memcpy(vcpu.fpu_area, vcpu.state().f, kBytes);
    static_cast<std::uint64_t*>(vcpu.fpu_area)[32] &= kFcsrMask;
}

void store_fpu(Vcpu& vcpu) {
    fpu_flush(vcpu.fpu_area);
    __builtin_memcpy(vcpu.state().f, vcpu.fpu_area, kBytes);
}

}  // namespace redoubt::kernel::hv
