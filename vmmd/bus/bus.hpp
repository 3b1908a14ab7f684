// Ports and memory-mapped registers: which device answers at an address. Filled before any vCPU
// runs and constant afterwards, so that looking up takes no lock and a device is called with none
// held.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vmmd/device.hpp"

namespace redoubt::vmmd {

/// A range of a bus. `device` sees offsets from `base`.
struct BusRange {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    Device* device = nullptr;
};

/// The 65,536 I/O ports.
class PortBus {
  public:
    /// `unclaimed` answers where nobody else does; its offsets are ports.
    explicit PortBus(Device& unclaimed) : unclaimed_(unclaimed) {}

    /// Throws std::logic_error if the range is taken or not a range of ports.
    void attach(std::uint64_t base, std::uint64_t size, Device& device);
    std::uint32_t read(std::uint16_t port, unsigned size);
    void write(std::uint16_t port, unsigned size, std::uint32_t value);
    /// Name of the device at `port`; empty if there is none.
    std::string_view device_at(std::uint16_t port) const;

  private:
    const BusRange* find(std::uint16_t port, unsigned size) const;

    Device& unclaimed_;
    std::vector<BusRange> ranges_;
    std::array<std::uint8_t, 65536> index_{};  ///< 1 + position in ranges_, 0: nobody
};

/// Guest-physical addresses that are not memory.
class MmioBus {
  public:
    /// `unclaimed` answers where nobody else does; its offsets are addresses.
    explicit MmioBus(Device& unclaimed) : unclaimed_(unclaimed) {}

    void attach(std::uint64_t base, std::uint64_t size, Device& device);
    void read(std::uint64_t address, std::span<std::uint8_t> data);
    void write(std::uint64_t address, std::span<const std::uint8_t> data);
    /// Name of the device at `address`; empty if there is none.
    std::string_view device_at(std::uint64_t address) const;

  private:
    const BusRange* find(std::uint64_t address, std::size_t size) const;

    Device& unclaimed_;
    std::vector<BusRange> ranges_;
};

}  // namespace redoubt::vmmd
