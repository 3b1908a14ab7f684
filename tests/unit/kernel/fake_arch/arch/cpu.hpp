// Host tests: the contract of kernel/arch/*/arch/cpu.hpp with one make-believe processor.
#pragma once

#include <cstdint>

#include "arch/context.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

struct Thread;
struct Scheduler;

struct PerCpu {
    UserContext* context = nullptr;
    void* fpu_area = nullptr;
    Thread* current = nullptr;
    Scheduler* scheduler = nullptr;
    void* hv = nullptr;
    PhysicalAddress root;
    std::uint32_t index = 0;
    bool idle = false;
    bool stale_translations = false;
};

inline PerCpu fake_cpu;

inline PerCpu& this_cpu() { return fake_cpu; }
inline unsigned cpu_count() { return 1; }
inline PerCpu& cpu(unsigned) { return fake_cpu; }
inline void pause_processor() {}
/// IoPortRange, PortIo.
inline constexpr bool kHasIoPorts = true;

inline void interrupt_processor(unsigned) {}
inline constexpr unsigned kMaximumProcessors = 64;
/// Moves the clock to the armed deadline; throws fake::Deadlock if nothing can ever happen.
void idle();

}  // namespace redoubt::kernel
