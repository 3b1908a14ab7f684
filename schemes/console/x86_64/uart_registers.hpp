// COM1: I/O ports.
#pragma once

#include <stdexcept>

#include "libhvcall/native/syscall.hpp"
#include "schemes/libscheme/process.hpp"

namespace redoubt::console {

class UartRegisters {
  public:
    /// Throws std::runtime_error if they were not granted.
    explicit UartRegisters(const scheme::Process& process) {
        const auto ports = process.grant(abi::GrantKind::Ports, "uart");
        if (!ports) {
            throw std::runtime_error("the start list lacks grant=uart");
        }
        ports_ = ports->slot;
        base_ = static_cast<std::uint16_t>(ports->value);
    }

    std::uint8_t read(unsigned number) const {
        return static_cast<std::uint8_t>(native::port_in(ports_, port(number), 1).value);
    }
    void write(unsigned number, std::uint8_t value) const {
        native::port_out(ports_, port(number), 1, value);
    }
    std::uint32_t interrupt() const { return 4; }  // ISA's line of COM1

  private:
    std::uint16_t port(unsigned number) const { return static_cast<std::uint16_t>(base_ + number); }

    abi::CapabilityIndex ports_;
    std::uint16_t base_;
};

}  // namespace redoubt::console
