// What init is told about the machine of the architecture this is compiled for (BootInfo::machine).
#pragma once

#if defined(__riscv) || defined(REDOUBT_ABI_RISCV64)
#include "abi/riscv64/machine.hpp"
#else
#include "abi/x86_64/machine.hpp"
#endif
