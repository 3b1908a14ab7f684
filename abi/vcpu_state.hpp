// The vCPU state page of the architecture this is compiled for.
#pragma once

#if defined(__riscv)
#include "abi/riscv64/vcpu_state.hpp"
#else
#include "abi/x86_64/vcpu_state.hpp"
#endif
