// The world switch.
#pragma once

#include "abi/riscv64/vcpu_state.hpp"

namespace redoubt::kernel::hext {

/// Runs the guest until its next trap. All general registers and pc are loaded from and stored to
/// the page; whether it is entered in VS- or VU-mode is in sstatus.SPP. The result is sstatus after
/// the trap, whose SPP likewise tells the mode that it came from; the processor's is clear.
inline std::uint64_t world_switch(abi::VcpuState* state) {
    register std::uint64_t a0 asm("a0") = reinterpret_cast<std::uint64_t>(state);
    // No ordinary call: whoever enters guests saves the registers it needs in its own prologue,
    // once.
    asm volatile("call hext_switch"
                 : "+r"(a0)
                 :
                 : "ra", "gp", "t0", "t1", "t2", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s4",
                   "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6", "memory");
    return a0;
}

}  // namespace redoubt::kernel::hext
