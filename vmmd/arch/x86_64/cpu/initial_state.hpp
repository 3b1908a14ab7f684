// Registers of a vCPU at its start.
#pragma once

#include "abi/x86_64/vcpu_state.hpp"

namespace redoubt::vmmd {

/// As after power-on (APM vol. 2 table 14-1): real mode at 0xFFFF'FFF0. Marks everything dirty.
void set_reset_state(abi::VcpuState& state);

/// As after INIT: as after power-on, but for the FPU, the MSRs, and CD and NW in CR0 (APM vol. 2
/// table 14-1). The vCPU then waits for a startup IPI.
void set_init_state(abi::VcpuState& state);
/// What a startup IPI adds: real mode at `vector` × 4096.
void set_startup_address(abi::VcpuState& state, std::uint8_t vector);

/// From the state after power-on to long mode with the boot GDT and page tables, as Linux's 64-bit
/// boot protocol wants it.
void set_linux_entry_state(abi::VcpuState& state, std::uint64_t entry);

}  // namespace redoubt::vmmd
