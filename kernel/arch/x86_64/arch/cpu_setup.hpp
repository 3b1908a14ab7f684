// Bringing a processor up, for the arch code.
#pragma once

#include "arch/cpu.hpp"

namespace redoubt::kernel {

/// Detects features() on the boot processor.
void features_initialize();
/// Gives the boot processor its descriptor tables, per-processor data and control registers.
void cpu_initialize();
/// Sets CR4's protections; the tables that make them hold must be active.
void cpu_enable_protections();
/// Enables XSAVE and loads a clean state.
void fpu_setup();
/// Loads what the entry code and SYSRET do not: bases, trap stack, FPU state.
void load_context(PerCpu& cpu, UserContext& context);

}  // namespace redoubt::kernel
