// Host tests: the contract of kernel/arch/*/arch/cpu.hpp with one make-believe processor.
#pragma once

#include <cstdint>

#include "arch/context.hpp"

namespace redoubt::kernel {

struct Thread;
struct Scheduler;

struct PerCpu {
    UserContext* context = nullptr;
    void* fpu_area = nullptr;
    Thread* current = nullptr;
    Scheduler* scheduler = nullptr;
    void* hv = nullptr;
};

inline PerCpu fake_cpu;

inline PerCpu& this_cpu() { return fake_cpu; }
inline unsigned cpu_count() { return 1; }
/// Moves the clock to the armed deadline; throws fake::Deadlock if nothing can ever happen.
void idle();

}  // namespace redoubt::kernel
