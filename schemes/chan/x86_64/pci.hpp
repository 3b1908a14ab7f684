// PCI configuration space through the ports 0xcf8 and 0xcfc (PCI Local Bus 3.0, 3.2.2.3.2).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "abi/object.hpp"

namespace redoubt::chan {

struct PciAddress {
    std::uint8_t bus, device, function;
};

class PciFunction;

class PciBus {
  public:
    explicit PciBus(abi::CapabilityIndex ports) : ports_(ports) {}

    std::uint32_t read(PciAddress address, unsigned offset) const;
    void write(PciAddress address, unsigned offset, std::uint32_t value) const;
    /// The first function that `wanted` accepts by vendor and device, looking behind bridges too.
    std::optional<PciFunction> find(
        const std::function<bool(std::uint16_t vendor, std::uint16_t device)>& wanted) const;

  private:
    using Wanted = std::function<bool(std::uint16_t, std::uint16_t)>;
    std::optional<PciFunction> search(unsigned bus, const Wanted& wanted, unsigned depth) const;

    abi::CapabilityIndex ports_;
};

class PciFunction {
  public:
    PciFunction(const PciBus& bus, PciAddress address) : bus_(&bus), address_(address) {}

    std::uint8_t read8(unsigned offset) const;
    std::uint16_t read16(unsigned offset) const;
    std::uint32_t read32(unsigned offset) const { return bus_->read(address_, offset); }
    void write16(unsigned offset, std::uint16_t value) const;
    PciAddress address() const { return address_; }

    /// Offset of the first capability with that id behind `after` (0: from the start); 0 if there
    /// is none.
    unsigned capability(std::uint8_t id, unsigned after = 0) const;
    /// Physical address of a memory BAR; 0 if it is not one, or not assigned.
    std::uint64_t memory_bar(unsigned index) const;
    /// Memory decoding and bus mastering on, legacy interrupt off.
    void enable() const;

  private:
    const PciBus* bus_;
    PciAddress address_;
};

}  // namespace redoubt::chan
