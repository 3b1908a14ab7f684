// Port 0x80 (and 0xED): power-on self-test codes, and what systems write to in order to wait a
// little.
#pragma once

#include <atomic>

#include "vmmd/device.hpp"

namespace redoubt::vmmd {

class PostPort final : public ByteDevice {
  public:
    std::string_view name() const override { return "post-port"; }
    std::uint8_t read_byte(std::uint64_t) override { return last_.load(std::memory_order_relaxed); }
    void write_byte(std::uint64_t, std::uint8_t value) override {
        last_.store(value, std::memory_order_relaxed);
    }
    void reset() override { last_ = 0; }
    /// The last code a guest showed: for the report on a crash.
    std::uint8_t last() const { return last_; }

  private:
    std::atomic<std::uint8_t> last_ = 0;
};

}  // namespace redoubt::vmmd
