// The exchange of FPU states.
#pragma once

#include "arch/cpu.hpp"

namespace redoubt::kernel {

/// fpu_load() for an area that is not the loaded one.
void fpu_exchange(PerCpu& cpu, void* area);
/// fpu_load(), inline.
inline void fpu_switch(void* area) {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_area != area) fpu_exchange(cpu, area);
}

}  // namespace redoubt::kernel
