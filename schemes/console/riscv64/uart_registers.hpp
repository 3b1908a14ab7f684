// A 16550 in memory, where the device tree says.
#pragma once

#include <stdexcept>

#include "schemes/libscheme/device_registers.hpp"

namespace redoubt::console {

class UartRegisters {
  public:
    /// Throws std::runtime_error if they were not granted.
    explicit UartRegisters(scheme::Process& process) : device_(process, granted(process)) {}

    std::uint8_t read(unsigned number) const { return at(number); }
    void write(unsigned number, std::uint8_t value) const { at(number) = value; }
    std::uint32_t interrupt() const { return device_.interrupt(); }

  private:
    static abi::NamespaceEntry granted(const scheme::Process& process) {
        const auto grant = process.grant(abi::GrantKind::Device, "uart");
        if (!grant) {
            throw std::runtime_error(
                "the start list lacks grant=uart, or the machine a 16550 that is known");
        }
        return *grant;
    }
    volatile std::uint8_t& at(unsigned number) const {
        return *reinterpret_cast<volatile std::uint8_t*>(
            device_.address() + (std::uintptr_t{number} << device_.shift()));
    }

    scheme::DeviceRegisters device_;
};

}  // namespace redoubt::console
