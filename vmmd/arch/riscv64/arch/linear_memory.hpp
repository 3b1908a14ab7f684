// Guest memory by virtual address, for whoever looks at a guest from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "abi/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd::isa {

/// Where it is in guest-physical memory, whatever its rights. Leaves no trace in the page tables.
std::optional<std::uint64_t> physical_address(const abi::VcpuState& state,
                                              const hvcall::GuestMemory& memory,
                                              std::uint64_t address);
/// Why there is nothing: false if no page tables could map it.
bool is_possible_address(const abi::VcpuState& state, std::uint64_t address);

/// Address of the next instruction.
inline std::uint64_t code_address(const abi::VcpuState& state) { return state.pc; }

}  // namespace redoubt::vmmd::isa
