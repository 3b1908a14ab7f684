// A device's registers in memory, as init grants them (GrantKind::Device).
#pragma once

#include <cstdint>

#include "schemes/libscheme/process.hpp"

namespace redoubt::scheme {

class DeviceRegisters {
  public:
    /// Maps them for the life of the process. Throws std::runtime_error.
    DeviceRegisters(Process& process, const abi::NamespaceEntry& grant);

    std::uintptr_t address() const { return address_; }
    /// log2 of the distance between registers, in bytes.
    unsigned shift() const { return static_cast<unsigned>(value_ >> 12 & 0xFF); }
    std::uint32_t interrupt() const { return static_cast<std::uint32_t>(value_ >> 32); }

  private:
    std::uint64_t value_;
    std::uintptr_t address_;
};

}  // namespace redoubt::scheme
