// The registers of this machine's serial line, of the architecture this is compiled for.
#pragma once

#if defined(__riscv)
#include "schemes/console/riscv64/uart_registers.hpp"
#else
#include "schemes/console/x86_64/uart_registers.hpp"
#endif
