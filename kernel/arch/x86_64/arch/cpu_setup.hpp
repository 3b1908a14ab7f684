// Bringing a processor up, for the arch code.
#pragma once

#include "arch/cpu.hpp"
#include "arch/fpu_switch.hpp"
#include "arch/msr.hpp"

namespace redoubt::kernel {

/// Detects features() on the boot processor.
void features_initialize();
/// Gives the boot processor its descriptor tables, per-processor data and control registers.
void cpu_initialize();
/// Sets CR4's protections; the tables that make them hold must be active.
void cpu_enable_protections();
/// Enables XSAVE and loads a clean state.
void fpu_setup();
/// APM vol. 2, 12.2.5.
struct [[gnu::packed]] TaskState {
    std::uint32_t reserved0;
    std::uint64_t stack[3];
    std::uint64_t reserved1;
    std::uint64_t interrupt_stack[7];
    std::uint64_t reserved2;
    std::uint16_t reserved3, io_map;
};
static_assert(sizeof(TaskState) == 104);

/// Loads what neither the entry code nor SYSRET does: bases, trap stack, FPU state.
inline void load_context(PerCpu& cpu, UserContext& context) {
    cpu.context = &context;
    cpu.task_state->stack[0] = reinterpret_cast<std::uint64_t>(&context) + sizeof(TrapFrame);
    write_msr(kMsrFsBase, context.fs_base);
    write_msr(kMsrKernelGsBase, context.gs_base);  // SWAPGS makes it the user's
    if (cpu.fpu_area != context.fpu_area) fpu_exchange(cpu, context.fpu_area);
}

}  // namespace redoubt::kernel
