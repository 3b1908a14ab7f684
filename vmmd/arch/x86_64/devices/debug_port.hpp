// A port that takes a firmware's debug messages, byte by byte: 0x402 (SeaBIOS, OVMF) or 0xE9
// (Bochs).
#pragma once

#include <functional>
#include <utility>

#include "vmmd/device.hpp"

namespace redoubt::vmmd {

class DebugPort final : public ByteDevice {
  public:
    /// Firmware reads this to find out whether somebody listens.
    static constexpr std::uint8_t kPresent = 0xE9;

    explicit DebugPort(std::function<void(std::uint8_t)> output) : output_(std::move(output)) {}

    std::string_view name() const override { return "debug-port"; }
    std::uint8_t read_byte(std::uint64_t offset) override { return offset == 0 ? kPresent : 0xFF; }
    void write_byte(std::uint64_t offset, std::uint8_t value) override {
        if (offset == 0) output_(value);
    }
    void reset() override {}

  private:
    std::function<void(std::uint8_t)> output_;
};

}  // namespace redoubt::vmmd
