// Port 0x80 (and 0xED): power-on self-test codes, and what systems write to in order to wait a
// little.
#pragma once

#include <atomic>

#include "vmmd/device.hpp"

namespace redoubt::vmmd {

class PostPort final : public ByteDevice {
  public:
    std::string_view name() const override { return "post-port"; }
    std::uint8_t read_byte(std::uint64_t offset) override {
        return offset == 0 ? last_.load(std::memory_order_relaxed) : 0xFF;
    }
    void write_byte(std::uint64_t offset, std::uint8_t value) override {
        if (offset == 0) last_.store(value, std::memory_order_relaxed);
    }
    void reset() override { last_ = 0; }
    /// The last code a guest showed: for the report on a crash.
    std::uint8_t last() const { return last_; }

  private:
    std::atomic<std::uint8_t> last_ = 0;
};

}  // namespace redoubt::vmmd
