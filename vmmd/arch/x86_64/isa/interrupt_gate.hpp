// Where the guest's interrupt table sends a vector.
#pragma once

#include <cstdint>
#include <optional>

#include "abi/x86_64/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd::isa {

/// Linear address of the handler's first instruction; nothing if the table cannot be read or ends
/// before. Outside of real mode, code segments are taken to begin at 0. Needs the state page's
/// Segments group.
std::optional<std::uint64_t> handler_address(const abi::VcpuState& state,
                                             const hvcall::GuestMemory& memory, unsigned vector);

}  // namespace redoubt::vmmd::isa
