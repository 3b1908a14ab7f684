// Per-processor data and the processor's features.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/context.hpp"

namespace redoubt::kernel {

struct Thread;
struct Scheduler;
struct TaskState;

/// Reached through GS while in the kernel. The first fields are known to entry.S.
struct alignas(64) PerCpu {
    PerCpu* self;
    UserContext* context;  ///< whose FS and GS bases are loaded and where the next entry saves to
    std::uint64_t user_stack;      ///< scratch of the system call entry
    std::uint64_t kernel_stack;    ///< initial stack pointer of every entry
    void* fpu_area;                ///< whose state the FPU registers hold, or nullptr
    Thread* current;               ///< the scheduler's
    Scheduler* scheduler;          ///< the scheduler's
    void* hv;                      ///< the hypervisor core's
    TaskState* task_state;         ///< the arch code's
    std::uint64_t armed_deadline;  ///< of the local timer, in ticks
    std::uint32_t index;           ///< 0 .. cpu_count() - 1
    std::uint32_t apic_id;
};
static_assert(offsetof(PerCpu, context) == 8 && offsetof(PerCpu, user_stack) == 16 &&
              offsetof(PerCpu, kernel_stack) == 24);

inline PerCpu& this_cpu() {
    PerCpu* self;
    asm("movq %%gs:0, %0" : "=r"(self));
    return *self;
}
unsigned cpu_count();

/// Waits for an interrupt and returns after it was handled.
void idle();

struct CpuFeatures {
    bool nx, gigabyte_pages, smep, smap, umip, pge, xsave, x2apic, tsc_deadline;
    unsigned physical_address_bits;
    char vendor[13];
    char brand[49];
};
const CpuFeatures& features();

}  // namespace redoubt::kernel
