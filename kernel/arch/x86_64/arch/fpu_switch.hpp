// The exchange of FPU states, inline for the thread switch.
#pragma once

#include <cstdint>

#include "arch/cpu.hpp"

namespace redoubt::kernel {

/// XCR0; all components this kernel enables are in its low half. 0: FXSAVE format.
extern std::uint32_t fpu_component_mask;
inline std::uint64_t fpu_features() { return fpu_component_mask; }

/// QEMU 7.2's XRSTOR of x87 registers on any processor changes the first one's hflags2 without a
/// lock (cpu_clear_ignne) and so may undo what a world switch there has just changed. XRSTOR of
/// their initial values does not, so those are what an area says whose stack is empty.
extern bool fpu_drops_idle_x87;
void fpu_drop_idle_x87(void* area);

inline void fpu_store_registers(void* area) {
    if (fpu_component_mask != 0) [[likely]] {
        asm volatile("xsave64 (%0)" : : "r"(area), "a"(fpu_component_mask), "d"(0) : "memory");
        if (fpu_drops_idle_x87) [[unlikely]]
            fpu_drop_idle_x87(area);
    } else {
        asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    }
}

inline void fpu_load_registers(const void* area) {
    if (fpu_component_mask != 0) [[likely]] {
        asm volatile("xrstor64 (%0)" : : "r"(area), "a"(fpu_component_mask), "d"(0) : "memory");
    } else {
        asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    }
}

/// fpu_load() for an area that is not the loaded one.
inline void fpu_exchange(PerCpu& cpu, void* area) {
    void* const loaded = cpu.fpu_area;
    cpu.fpu_area = area;
    if (loaded != nullptr && fpu_component_mask != 0 && !fpu_drops_idle_x87) [[likely]] {
        asm volatile("xsave64 (%0)\n\txrstor64 (%1)"
                     :
                     : "r"(loaded), "r"(area), "a"(fpu_component_mask), "d"(0)
                     : "memory");
        return;
    }
    if (loaded != nullptr) fpu_store_registers(loaded);
    fpu_load_registers(area);
}
/// fpu_load(), inline.
inline void fpu_switch(void* area) {
    PerCpu& cpu = this_cpu();
    if (cpu.fpu_area != area) fpu_exchange(cpu, area);
}

}  // namespace redoubt::kernel
