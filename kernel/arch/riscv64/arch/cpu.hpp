// Per-processor data and the processor's features.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/context.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

struct Thread;
struct Scheduler;

/// tp points to it while in the kernel, sscratch while in user mode. The first fields are known to
/// entry.S.
struct alignas(64) PerCpu {
    PerCpu* self;
    UserContext* context;          ///< where the next entry saves to
    std::uint64_t entry_scratch;   ///< of the entry code
    std::uint64_t kernel_stack;    ///< initial stack pointer of every entry
    std::uint64_t panic_stack;     ///< of exceptions in the kernel
    std::uint64_t entry_scratch2;  ///< of the entry code
    void* guest_state;             ///< the page whose guest runs
    std::uint64_t guest_stack;     ///< of who entered it
    const void* short_ways;        ///< of system calls
    void* fpu_area;                ///< whose state the FPU registers hold, or nullptr
    void* fpu_user;                ///< of whom runs here, loaded or not
    void* vector_area;             ///< whose state the vector registers hold, or nullptr
    Thread* current;               ///< the scheduler's
    Scheduler* scheduler;          ///< the scheduler's
    void* hv;                      ///< the hypervisor core's: kHvBytes, page-aligned, zero at first
    std::uint64_t armed_deadline;  ///< of the timer, in ticks
    PhysicalAddress root;          ///< of the active address space
    std::uint64_t hart;            ///< mhartid
    std::uint32_t index;           ///< 0 .. cpu_count() - 1
    bool idle;                     ///< waits for an interrupt, without the kernel lock
    bool stale_translations;       ///< of user space; to be forgotten before it leaves idle
};
static_assert(offsetof(PerCpu, context) == 8 && offsetof(PerCpu, entry_scratch) == 16 &&
              offsetof(PerCpu, kernel_stack) == 24 && offsetof(PerCpu, panic_stack) == 32 &&
              offsetof(PerCpu, entry_scratch2) == 40 && offsetof(PerCpu, guest_state) == 48 &&
              offsetof(PerCpu, guest_stack) == 56 && offsetof(PerCpu, short_ways) == 64);

inline PerCpu& this_cpu() {
    PerCpu* self;
    asm("mv %0, tp" : "=r"(self));
    return *self;
}

/// IoPortRange, PortIo.
inline constexpr bool kHasIoPorts = false;

/// What masks of processors have room for.
inline constexpr unsigned kMaximumProcessors = 64;
/// What the hypervisor core may keep for each processor.
inline constexpr std::size_t kHvBytes = 4096;

/// Processors that run, from the first system call on.
unsigned cpu_count();
/// index: below cpu_count().
PerCpu& cpu(unsigned index);

/// In a loop that waits for another processor.
inline void pause_processor() { asm volatile("nop" : : : "memory"); }

/// Waits for an interrupt and returns after it was handled. Without the kernel lock and with
/// PerCpu::idle set: the handlers take the lock.
void idle();
/// Makes another processor enter the kernel, wherever it is; returns at once.
void interrupt_processor(unsigned index);

struct CpuFeatures {
    bool sstc;        ///< the timer's compare register is a CSR
    bool hypervisor;  ///< the H-extension
    /// Of a vector register; 0 if there is none, or none that the areas have room for.
    unsigned vector_bytes;
};
const CpuFeatures& features();

}  // namespace redoubt::kernel
