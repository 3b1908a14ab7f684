// Guest memory by linear address, for whoever looks at a guest from outside.
#pragma once

#include <cstdint>
#include <span>

#include "abi/x86_64/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd::isa {

/// The guest memory behind an address, up to the end of its page and at most `size` bytes; empty if
/// it is not mapped or no memory. Leaves no trace in the page tables.
std::span<std::uint8_t> memory_at(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                                  std::uint64_t linear, std::size_t size);

/// Copies as much as can be read; gives how much that is.
std::size_t inspect(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                    std::uint64_t linear, std::span<std::uint8_t> into);

/// Linear address of the next instruction.
std::uint64_t linear_rip(const abi::VcpuState& state);

}  // namespace redoubt::vmmd::isa
