// The reset control register, port 0xCF9 (82371SB data sheet 2.5.7), which the FADT names as the
// reset register. It is reached through the PCI host bridge, whose ports are around it.
#pragma once

#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

#include "vmmd/device.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

class ResetControl final : public ByteDevice {
  public:
    static constexpr std::uint16_t kResetPort = 0xCF9;
    static constexpr std::uint8_t kResetValue = 0x06;  ///< system reset, now

    /// `reset` is called with no lock held; its argument ends the sentence "reset …".
    explicit ResetControl(std::function<void(std::string_view how)> reset)
        : reset_(std::move(reset)) {}

    std::string_view name() const override { return "reset-control"; }
    std::uint8_t read_byte(std::uint64_t offset) override {
        if (offset != 0) return 0xFF;
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void write_byte(std::uint64_t offset, std::uint8_t value) override {
        if (offset != 0) return;
        bool rising = false;
        {
            const std::lock_guard lock(mutex_);
            rising = (value & ~value_ & kResetProcessor) != 0;
            value_ = value & (kResetProcessor | kSystemReset);
        }
        if (rising && reset_) reset_("through port 0xcf9");
    }
    void reset() override {
        const std::lock_guard lock(mutex_);
        value_ = 0;
    }

  private:
    static constexpr std::uint8_t kSystemReset = 0x02;
    static constexpr std::uint8_t kResetProcessor = 0x04;

    Mutex mutex_;
    std::function<void(std::string_view)> reset_;
    std::uint8_t value_ = 0;
};

}  // namespace redoubt::vmmd
