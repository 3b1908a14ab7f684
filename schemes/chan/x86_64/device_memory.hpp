// Memory for drivers: pages of devices at given physical addresses.
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

}  // namespace redoubt::chan
