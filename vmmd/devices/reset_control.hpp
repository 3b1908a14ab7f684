// Ports 0xCF8..0xCFF: a PCI configuration mechanism with no PCI behind it, and in its midst the
// reset control register 0xCF9 (82371SB data sheet 2.5.7), which the FADT names as the reset
// register.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

#include "vmmd/device.hpp"

namespace redoubt::vmmd {

class ResetControl final : public Device {
  public:
    static constexpr std::uint16_t kPort = 0xCF8;
    static constexpr std::uint16_t kSize = 8;
    static constexpr std::uint16_t kResetPort = 0xCF9;
    static constexpr std::uint8_t kResetValue = 0x06;  ///< system reset, now

    /// `reset` is called with no lock held; its argument ends the sentence "reset …".
    explicit ResetControl(std::function<void(std::string_view how)> reset)
        : reset_(std::move(reset)) {}

    std::string_view name() const override { return "reset-control"; }
    /// All ones, so that a probe for configuration mechanism 1 or 2 fails.
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override {
        std::ranges::fill(data, 0xFF);
        if (offset == kResetPort - kPort && data.size() == 1) {
            const std::lock_guard lock(mutex_);
            data[0] = value_;
        }
    }
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override {
        // Only as a byte: a wider access at 0xCF8 is for the configuration address.
        if (offset != kResetPort - kPort || data.size() != 1) return;
        bool rising = false;
        {
            const std::lock_guard lock(mutex_);
            rising = (data[0] & ~value_ & kResetProcessor) != 0;
            value_ = data[0] & (kResetProcessor | kSystemReset);
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

    std::mutex mutex_;
    std::function<void(std::string_view)> reset_;
    std::uint8_t value_ = 0;
};

}  // namespace redoubt::vmmd
