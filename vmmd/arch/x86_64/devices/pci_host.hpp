// Ports 0xCF8..0xCFF: PCI configuration mechanism #1 (PCI Local Bus Specification 3.0, 3.2.2.3.2)
// with a bus that holds nothing but its host bridge. A guest that looks for PCI finds a bus and
// that it is empty. In the midst of the address register is the reset control register, 0xCF9.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

#include "vmmd/device.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

class PciHost final : public Device {
  public:
    static constexpr std::uint16_t kPort = 0xCF8;
    static constexpr std::uint16_t kSize = 8;
    static constexpr std::uint16_t kVendor = 0x1B36, kDevice = 0x0008;  ///< generic host bridge

    /// Accesses of one byte at 0xCF9 go to `reset_control`.
    explicit PciHost(Device& reset_control) : reset_control_(reset_control) {}

    std::string_view name() const override { return "pci-host"; }
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    void reset() override;

  private:
    Device& reset_control_;
    Mutex mutex_;
    std::uint32_t address_ = 0;
};

}  // namespace redoubt::vmmd
