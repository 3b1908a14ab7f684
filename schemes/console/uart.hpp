// The machine's 16550 (National PC16550D data sheet, section 8).
#pragma once

#include <cstdint>
#include <vector>

#include "schemes/console/console_scheme.hpp"
#include "schemes/console/uart_registers.hpp"

namespace redoubt::console {

class Uart final : public SerialLine {
  public:
    explicit Uart(UartRegisters registers);

    std::uint32_t interrupt() const { return registers_.interrupt(); }

    void send(std::string_view bytes) override;
    /// Everything that has arrived.
    std::vector<std::byte> take_input();
    void enable_receive_interrupt();

  private:
    std::uint8_t read(unsigned number);
    void write(unsigned number, std::uint8_t value);

    UartRegisters registers_;
};

}  // namespace redoubt::console
