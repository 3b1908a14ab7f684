// Bringing a processor up, for the arch code.
#pragma once

#include "arch/cpu.hpp"
#include "arch/fpu_switch.hpp"
#include "arch/msr.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

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

/// A processor's data and what its descriptor registers point to.
struct CpuArea {
    static constexpr std::size_t kInterruptStackBytes = 4096;
    static constexpr unsigned kInterruptStacks = 3;

    PerCpu data;
    Scheduler scheduler;
    alignas(16) TaskState task_state;
    std::uint64_t gdt[8];
    alignas(16) std::uint8_t stacks[kInterruptStacks][kInterruptStackBytes];
    alignas(4096) std::uint8_t hv[kHvBytes];
};

/// Detects features() on the boot processor.
void features_initialize();
/// Gives the boot processor its descriptor tables, per-processor data and control registers.
void cpu_initialize();
/// The same for the further processor it runs on; `area` is zero but for constructors.
void cpu_initialize(CpuArea& area, std::uint64_t kernel_stack);
/// Adds the processor it runs on to those that cpu() knows. One at a time.
void cpu_enlist();
/// Sets CR4's protections; the tables that make them hold must be active.
void cpu_enable_protections();
/// Chooses the state components on the boot processor.
void fpu_detect();
/// Enables them and loads a clean state.
/// `several`: this is not the only processor.
void fpu_setup(bool several);

/// Loads what neither the entry code nor SYSRET does: bases, trap stack, FPU state.
inline void load_context(PerCpu& cpu, UserContext& context) {
    cpu.context = &context;
    cpu.task_state->stack[0] = reinterpret_cast<std::uint64_t>(&context) + sizeof(TrapFrame);
    write_msr(kMsrFsBase, context.fs_base);
    write_msr(kMsrKernelGsBase, context.gs_base);  // SWAPGS makes it the user's
    if (cpu.fpu_area != context.fpu_area) fpu_exchange(cpu, context.fpu_area);
}

}  // namespace redoubt::kernel
