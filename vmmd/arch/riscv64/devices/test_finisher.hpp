// SiFive's test finisher: one register whose writing ends the machine's run. What a guest without
// the SBI's SRST uses.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "vmmd/device.hpp"

namespace redoubt::vmmd {

class TestFinisher final : public Device {
  public:
    static constexpr std::uint64_t kSize = 0x1000;
    static constexpr std::uint32_t kFail = 0x3333, kPass = 0x5555, kReset = 0x7777;

    /// Both only set a flag.
    TestFinisher(std::function<void()> power_off, std::function<void(std::string_view how)> reset)
        : power_off_(std::move(power_off)), reset_(std::move(reset)) {}

    std::string_view name() const override { return "test-finisher"; }
    void read(std::uint64_t, std::span<std::uint8_t> data) override {
        store_little_endian(data, 0);
    }
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override {
        if (offset != 0 || data.size() < 2) return;
        switch (load_little_endian(data) & 0xFFFF) {
            case kFail:
            case kPass:
                if (power_off_) power_off_();
                break;
            case kReset:
                if (reset_) reset_("by the test finisher");
                break;
            default:
                break;
        }
    }
    void reset() override {}

  private:
    std::function<void()> power_off_;
    std::function<void(std::string_view how)> reset_;
};

}  // namespace redoubt::vmmd
