// Breakpoints of a guest: DR0..3, which the VMCB does not hold, are loaded for guests whose DR7
// enables some. No guest accesses debug registers but through its monitor.
#pragma once

#include <cstdint>

#include "kernel/hv/svm/vcpu.hpp"

namespace redoubt::kernel::svm {

/// Takes new values of DR0..3. DR7 is in the VMCB already.
void set_debug_registers(SvmVcpu& vcpu, const std::uint64_t (&values)[4]);
/// Before and after a world switch of a guest with breakpoints.
void load_debug_registers(const SvmVcpu& vcpu);
void unload_debug_registers();

/// Those of DR7's breakpoints that the host may have enabled without hitting any itself.
std::uint64_t harmless_breakpoints(std::uint64_t dr7, const std::uint64_t (&addresses)[4],
                                   std::uint64_t image_end);

}  // namespace redoubt::kernel::svm
