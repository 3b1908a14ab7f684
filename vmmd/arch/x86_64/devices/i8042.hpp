// The keyboard controller with nothing plugged in, and port 0x92: self-test, A20, and the reset
// that systems do through it. IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
// Auxiliary Device Controller".
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>

#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

/// Offsets are port numbers: 0x60, 0x64 and 0x92. A20 can be read back and is always open.
class I8042 final : public ByteDevice {
  public:
    /// `reset` is called with no lock held; its argument ends the sentence "reset …".
    I8042(InterruptLine& output, std::function<void(std::string_view how)> reset);

    std::string_view name() const override { return "i8042"; }
    std::uint8_t read_byte(std::uint64_t port) override;
    void write_byte(std::uint64_t port, std::uint8_t value) override;
    void reset() override;

  private:
    bool command(std::uint8_t value);
    bool data(std::uint8_t value);
    void answer(std::uint8_t value, std::uint8_t status_bits = 0);
    void update_output();

    Mutex mutex_;
    InterruptLine& output_;
    std::function<void(std::string_view)> reset_;
    std::array<std::uint8_t, 32> ram_ = {};  ///< byte 0 is the command byte
    std::uint8_t status_ = 0, output_buffer_ = 0, output_port_ = 0, port92_ = 0;
    std::uint8_t pending_command_ = 0;  ///< the command whose data byte comes next, or 0
};

}  // namespace redoubt::vmmd
