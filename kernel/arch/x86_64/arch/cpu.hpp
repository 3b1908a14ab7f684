// Per-processor data and the processor's features.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/context.hpp"
#include "kernel/mm/address.hpp"

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
    void* hv;                      ///< the hypervisor core's: kHvBytes, page-aligned, zero at first
    TaskState* task_state;         ///< the arch code's
    std::uint64_t armed_deadline;  ///< of the local timer, in ticks
    PhysicalAddress root;          ///< of the active address space
    std::uint32_t index;           ///< 0 .. cpu_count() - 1
    std::uint32_t apic_id;
    bool idle;                ///< waits for an interrupt, without the kernel lock
    bool stale_translations;  ///< of user space; to be forgotten before it leaves idle
};
static_assert(offsetof(PerCpu, context) == 8 && offsetof(PerCpu, user_stack) == 16 &&
              offsetof(PerCpu, kernel_stack) == 24);

inline PerCpu& this_cpu() {
    PerCpu* self;
    asm("movq %%gs:0, %0" : "=r"(self));
    return *self;
}

/// IoPortRange, PortIo.
inline constexpr bool kHasIoPorts = true;

/// What masks of processors have room for.
inline constexpr unsigned kMaximumProcessors = 64;
/// What the hypervisor core may keep for each processor.
inline constexpr std::size_t kHvBytes = 3 * 4096;

extern PerCpu* processors[kMaximumProcessors];
extern unsigned processor_count;

/// Processors that run, from the first system call on.
inline unsigned cpu_count() { return processor_count; }
/// index: below cpu_count().
inline PerCpu& cpu(unsigned index) { return *processors[index]; }

/// In a loop that waits for another processor.
inline void pause_processor() { asm volatile("pause" : : : "memory"); }

/// Waits for an interrupt and returns after it was handled. Without the kernel lock and with
/// PerCpu::idle set: the handlers take the lock.
void idle();
/// Makes another processor enter the kernel, wherever it is; returns at once.
void interrupt_processor(unsigned index);

struct CpuFeatures {
    bool nx, gigabyte_pages, smep, smap, umip, pge, xsave, x2apic, tsc_deadline;
    bool emulated;  ///< by QEMU without KVM
    unsigned physical_address_bits;
    char vendor[13];
};
const CpuFeatures& features();

}  // namespace redoubt::kernel
