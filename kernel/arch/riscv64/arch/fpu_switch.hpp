// The exchange of FPU states, which waits for the first use: until then sstatus.FS is off, and the
// registers may hold what somebody else will find there again. The same for vectors and VS.
#pragma once

#include "abi/riscv64/vcpu_state.hpp"
#include "arch/cpu.hpp"
#include "arch/csr.hpp"

namespace redoubt::kernel {

/// Who holds what: 1 + index of the processor that loaded it last; 0: none can have it.
struct FpuArea {
    std::uint64_t holder;
    std::uint64_t vector_holder;
    // As in abi::VcpuState, as far as fpu_state_size().
    std::uint64_t f[32];
    std::uint64_t fcsr;
    std::uint64_t vstart, vcsr, vl, vtype;
    std::uint8_t v[32 * abi::kMaximumVlenb];
};

inline constexpr std::uint64_t kStatusUnits = kStatusFpMask | kStatusVectorMask;

/// Saves what was written, with FS and VS on as in `status`; leaves them off. It is seldom called,
/// from where a call would cost registers saved on the way to it: entry.S keeps them all.
extern "C" void fpu_save(std::uint64_t status);
inline void fpu_save_keeping(std::uint64_t status) {
    register std::uint64_t t1 asm("t1") = status;
    asm volatile("call t0, fpu_save_keeping" : : "r"(t1) : "t0", "memory");
}

/// FS and VS for what the registers still hold of the area's state.
inline std::uint64_t fpu_status(const PerCpu& cpu, void* area) {
    const auto& state = *static_cast<const FpuArea*>(area);
    const std::uint64_t here = std::uint64_t{cpu.index} + 1;
    if (cpu.fpu_area != area || state.holder != here) return 0;
    if (cpu.vector_area != area || state.vector_holder != here) return kStatusFpClean;
    return kStatusFpClean | kStatusVectorClean;
}

/// fpu_load(), inline. sstatus.SD sums FS and VS up (3.1.6.6).
[[gnu::always_inline]] inline void fpu_switch(PerCpu& cpu, void* area) {
    if (cpu.fpu_user == area) return;
    const std::uint64_t status = REDOUBT_READ_CLEAR_CSR("sstatus", kStatusUnits);
    if (static_cast<std::int64_t>(status) < 0) [[unlikely]]
        fpu_save_keeping(status);
    cpu.fpu_user = area;
    if (const std::uint64_t units = fpu_status(cpu, area); units != 0)
        REDOUBT_SET_CSR("sstatus", units);
}
inline void fpu_switch(void* area) { fpu_switch(this_cpu(), area); }
/// After an illegal instruction of whoever has `area`: true if it may have been its first use of
/// floating point or vectors, and is to be executed again.
bool fpu_first_use(void* area);

}  // namespace redoubt::kernel
