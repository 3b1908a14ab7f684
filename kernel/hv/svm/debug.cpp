// Lazy exchange of the debug registers.
#include "kernel/hv/svm/debug.hpp"

namespace redoubt::kernel::svm {
namespace {

constexpr std::uint64_t kBreakpointEnables = 0xFF;  // DR7.L0..G3

void write_registers(const std::uint64_t (&values)[4]) {
    asm volatile("movq %0, %%db0" : : "r"(values[0]));
    asm volatile("movq %0, %%db1" : : "r"(values[1]));
    asm volatile("movq %0, %%db2" : : "r"(values[2]));
    asm volatile("movq %0, %%db3" : : "r"(values[3]));
}

}  // namespace

void make_debug_live(SvmVcpu& vcpu) {
    vcpu.debug_live = true;
    vcpu.vmcb.control.dr_reads = vcpu.vmcb.control.dr_writes = 0;
}

void load_debug_registers(SvmVcpu& vcpu, Processor& processor) {
    if (processor.debug_owner == &vcpu && vcpu.debug_processor == &processor) return;
    write_registers(vcpu.debug_registers);
    processor.debug_owner = &vcpu;
    vcpu.debug_processor = &processor;
}

void read_debug_registers(std::uint64_t (&values)[4]) {
    asm volatile("movq %%db0, %0" : "=r"(values[0]));
    asm volatile("movq %%db1, %0" : "=r"(values[1]));
    asm volatile("movq %%db2, %0" : "=r"(values[2]));
    asm volatile("movq %%db3, %0" : "=r"(values[3]));
}

void set_debug_registers(SvmVcpu& vcpu, const std::uint64_t (&values)[4]) {
    for (unsigned i = 0; i < 4; ++i) vcpu.debug_registers[i] = values[i];
    vcpu.debug_processor = nullptr;
    if ((vcpu.vmcb.save.dr7 & kBreakpointEnables) != 0) make_debug_live(vcpu);
}

}  // namespace redoubt::kernel::svm
