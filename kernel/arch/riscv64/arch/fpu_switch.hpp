// The exchange of FPU states, which waits for the first use: until then sstatus.FS is off, and the
// registers may hold what somebody else will find there again. The same for vectors and VS.
#pragma once

#include "abi/riscv64/vcpu_state.hpp"
#include "arch/cpu.hpp"

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

/// fpu_load() for an area that is not the last one.
void fpu_exchange(PerCpu& cpu, void* area);
/// fpu_load(), inline.
inline void fpu_switch(void* area) {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_user != area) fpu_exchange(cpu, area);
}
/// After an illegal instruction of whoever has `area`: true if it may have been its first use of
/// floating point or vectors, and is to be executed again.
bool fpu_first_use(void* area);

}  // namespace redoubt::kernel
