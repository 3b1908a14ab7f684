// The 16550 of COM1 behind I/O-port and interrupt capabilities (National PC16550D data sheet,
// section 8).
#pragma once

#include <cstdint>
#include <vector>

#include "abi/object.hpp"
#include "schemes/console/console_scheme.hpp"

namespace redoubt::console {

class Uart final : public SerialLine {
  public:
    static constexpr std::uint16_t kCom1 = 0x3F8;
    static constexpr unsigned kCom1Gsi = 4;

    Uart(abi::CapabilityIndex ports, std::uint16_t base);

    void send(std::string_view bytes) override;
    /// Everything that has arrived.
    std::vector<std::byte> take_input();
    void enable_receive_interrupt();

  private:
    std::uint8_t read(unsigned reg);
    void write(unsigned reg, std::uint8_t value);

    abi::CapabilityIndex ports_;
    std::uint16_t base_;
};

}  // namespace redoubt::console
