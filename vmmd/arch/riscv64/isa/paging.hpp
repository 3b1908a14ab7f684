// The guest's own page tables (Privileged Specification 4.3 to 4.5).
#pragma once

#include <cstdint>
#include <optional>

#include "abi/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"
#include "vmmd/evidence.hpp"

namespace redoubt::vmmd::isa {

/// Guest-physical address of a virtual one, whatever its rights, without leaving a trace. Needs
/// vsatp. `evidence` gets the table entries.
std::optional<std::uint64_t> translate(const abi::VcpuState& state,
                                       const hvcall::GuestMemory& memory, std::uint64_t address,
                                       Evidence* evidence = nullptr);

/// Whether any page table of the present mode could map it.
bool is_canonical(const abi::VcpuState& state, std::uint64_t address);

}  // namespace redoubt::vmmd::isa
