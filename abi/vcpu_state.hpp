// The vCPU state page of the architecture this is compiled for, or that it is about: tests on the host define
// REDOUBT_ABI_RISCV64 for what is riscv64's.
#pragma once

#if defined(__riscv) || defined(REDOUBT_ABI_RISCV64)
#include "abi/riscv64/vcpu_state.hpp"
#else
#include "abi/x86_64/vcpu_state.hpp"
#endif
