// Where the guest's linear addresses are, for whoever looks at a guest from outside.
#pragma once

#include <cstdint>
#include <optional>

#include "abi/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd::isa {

/// Its guest-physical address, whatever its rights. Leaves no trace in the page tables.
std::optional<std::uint64_t> physical_address(const abi::VcpuState& state,
                                              const hvcall::GuestMemory& memory,
                                              std::uint64_t linear);
/// False if no page tables could map it: it is not canonical.
bool is_possible_address(const abi::VcpuState& state, std::uint64_t linear);

/// Linear address of the next instruction.
std::uint64_t code_address(const abi::VcpuState& state);

}  // namespace redoubt::vmmd::isa
