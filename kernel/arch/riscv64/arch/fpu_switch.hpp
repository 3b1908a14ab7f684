// The exchange of FPU states, which waits for the first use: until then sstatus.FS is off, and the
// registers may hold what somebody else will find there again.
#pragma once

#include "arch/cpu.hpp"

namespace redoubt::kernel {

/// fpu_load() for an area that is not the last one.
void fpu_exchange(PerCpu& cpu, void* area);
/// fpu_load(), inline.
inline void fpu_switch(void* area) {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_user != area) fpu_exchange(cpu, area);
}
/// After an illegal instruction of whoever has `area`: true if it may have been its first use of
/// floating point, and is to be executed again.
bool fpu_first_use(void* area);

}  // namespace redoubt::kernel
