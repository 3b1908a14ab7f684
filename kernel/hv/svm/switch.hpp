// The world switch.
#pragma once

#include <cstdint>

namespace redoubt::kernel::svm {

/// Runs the guest until the next #VMEXIT. `gpr` is VcpuState::gpr: all general registers but rax
/// and rsp (which the VMCB holds) are loaded from and stored to it. `host_state` is a page for the
/// host's FS, GS, TR, ….
extern "C" void svm_switch(std::uint64_t* gpr, std::uint64_t vmcb_address,
                           std::uint64_t host_state_address);

}  // namespace redoubt::kernel::svm
