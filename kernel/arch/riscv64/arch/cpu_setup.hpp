// Bringing a processor up, for the arch code.
#pragma once

#include "arch/cpu.hpp"
#include "arch/fpu_switch.hpp"
#include "arch/machine.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

/// A processor's data and its stack for panics.
struct CpuArea {
    static constexpr std::size_t kPanicStackBytes = 4096;

    PerCpu data;
    Scheduler scheduler;
    alignas(16) std::uint8_t panic_stack[kPanicStackBytes];
    alignas(4096) std::uint8_t hv[kHvBytes];
};

/// Takes over what the device tree says about the processors.
void features_initialize(const boot::Hardware& machine);
/// Gives the boot processor its per-processor data.
void cpu_initialize(std::uint64_t hart);
/// The same for the further processor it runs on; `area` is zero but for constructors and
/// data.kernel_stack and data.hart.
void cpu_initialize(CpuArea& area);
/// Adds the processor it runs on to those that cpu() knows. One at a time.
void cpu_enlist();
/// Which interrupts it takes, and what user space may read.
void cpu_enable_interrupts();
/// Floating point and vectors wait for their first use.
void fpu_setup();
/// Of a processor whose ISA string names V.
unsigned vector_register_bytes();

/// Makes `context` the one to be left to user mode.
inline void load_context(PerCpu& cpu, UserContext& context) {
    cpu.context = &context;
    fpu_switch(cpu, context.fpu_area);
}

}  // namespace redoubt::kernel
