// Memory for drivers: pages of devices at given physical addresses, and memory that devices may
// reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "schemes/libscheme/process.hpp"

namespace redoubt::chan {

/// Cuts single pages out of the device Untypeds that init granted. Everything throws
/// std::runtime_error.
class DeviceMemory {
  public:
    explicit DeviceMemory(scheme::Process& process);

    /// Maps [physical, physical + bytes), uncached, for the life of the process; the address of its
    /// first byte.
    std::uintptr_t map(std::uint64_t physical, std::size_t bytes);

  private:
    static constexpr std::size_t kNone = ~std::size_t{0};

    /// A block of device memory: whole, split into the halves `first_half` and the one behind it,
    /// or a page made a Frame.
    struct Block {
        abi::CapabilityIndex slot;
        std::uint64_t base;
        unsigned size_bits;
        std::size_t first_half = kNone;
        abi::CapabilityIndex frame = abi::kNullCapability;
    };

    abi::CapabilityIndex page(std::uint64_t physical);
    void split(std::size_t index);

    scheme::Process& process_;
    std::vector<Block> blocks_;
};

/// One physically contiguous, zeroed piece of memory from which buffers and rings are taken.
class DmaArena {
  public:
    struct Piece {
        std::byte* data;
        std::uint64_t physical;
    };

    DmaArena(scheme::Process& process, unsigned size_bits);
    Piece allocate(std::size_t bytes, std::size_t alignment);

  private:
    std::byte* base_;
    std::uint64_t physical_;
    std::size_t size_;
    std::size_t used_ = 0;
};

}  // namespace redoubt::chan
