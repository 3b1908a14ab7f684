// DR0..3, which the VMCB does not hold: they are the guest's from its first access on, and
// exchanged only between guests that use them.
#pragma once

#include <cstdint>

#include "kernel/hv/svm/detect.hpp"
#include "kernel/hv/svm/vcpu.hpp"

namespace redoubt::kernel::svm {

/// Stops intercepting debug registers.
void make_debug_live(SvmVcpu& vcpu);
/// Before entering a guest whose debug registers are live.
void load_debug_registers(SvmVcpu& vcpu, Processor& processor);
void get_debug_registers(const SvmVcpu& vcpu, std::uint64_t (&values)[4]);
void set_debug_registers(SvmVcpu& vcpu, const std::uint64_t (&values)[4]);
/// The vCPU goes away.
void drop_debug_registers(SvmVcpu& vcpu);

}  // namespace redoubt::kernel::svm
