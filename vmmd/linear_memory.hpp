// Guest memory by the guest's virtual addresses, for whoever looks at it from outside.
#pragma once

#include <cstdint>
#include <span>

#include "arch/linear_memory.hpp"

namespace redoubt::vmmd::isa {

/// The guest memory behind an address, up to the end of its page and at most `size` bytes; empty if
/// it is not mapped or no memory. Leaves no trace in the page tables.
std::span<std::uint8_t> memory_at(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                                  std::uint64_t linear, std::size_t size);

/// Copies as much as can be read; gives how much that is.
std::size_t inspect(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                    std::uint64_t linear, std::span<std::uint8_t> into);

}  // namespace redoubt::vmmd::isa
