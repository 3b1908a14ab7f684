// DR0..3, which the VMCB does not hold: they are the guest's from its first access on, read after
// each of its turns, and loaded only where another guest's, or older ones, are.
#pragma once

#include <cstdint>

#include "kernel/hv/svm/detect.hpp"
#include "kernel/hv/svm/vcpu.hpp"

namespace redoubt::kernel::svm {

/// Stops intercepting debug registers.
void make_debug_live(SvmVcpu& vcpu);
/// Before entering a guest whose debug registers are live.
void load_debug_registers(SvmVcpu& vcpu, Processor& processor);
/// After leaving it.
void read_debug_registers(std::uint64_t (&values)[4]);
void set_debug_registers(SvmVcpu& vcpu, const std::uint64_t (&values)[4]);

}  // namespace redoubt::kernel::svm
