// The world switch.
#pragma once

#include <cstdint>

namespace redoubt::kernel::svm {

/// Runs the guest until the next #VMEXIT. `gpr` is VcpuState::gpr: all general registers but rax
/// and rsp (which the VMCB holds) are loaded from and stored to it. `host_state` is a page for the
/// host's FS, GS, TR, ….
inline void world_switch(std::uint64_t* gpr, std::uint64_t vmcb_address,
                         std::uint64_t host_state_address) {
    // No ordinary call: whoever enters guests saves the registers it needs in its own prologue,
    // once.
    asm volatile("call svm_switch"
                 : "+D"(gpr), "+S"(vmcb_address), "+d"(host_state_address)
                 :
                 : "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                   "cc");
}

}  // namespace redoubt::kernel::svm
