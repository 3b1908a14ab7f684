// Goldfish's real-time clock: nanoseconds since 1970 in two registers, and an alarm (Linux:
// drivers/rtc/rtc-goldfish.c).
#pragma once

#include <cstdint>
#include <mutex>

#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

class GoldfishRtc final : public Device {
  public:
    static constexpr std::uint64_t kSize = 0x1000;

    /// `real_time` is nanoseconds since 1970, at the time of construction.
    GoldfishRtc(TimerQueue& timers, InterruptLine& output, std::uint64_t real_time);

    std::string_view name() const override { return "rtc"; }
    /// Registers are 32 bits wide and are accessed so.
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    /// The time goes on.
    void reset() override;

  private:
    std::uint64_t now() const { return clock_.now().count + offset_; }
    void arm();
    void update();
    std::uint32_t read_register(std::uint64_t offset);
    void write_register(std::uint64_t offset, std::uint32_t value);

    Mutex mutex_;
    const Clock& clock_;
    InterruptLine& output_;
    std::uint64_t offset_;         ///< real time less the clock
    std::uint32_t time_high_ = 0;  ///< as of the last reading of the low half
    std::uint32_t written_high_ = 0;
    std::uint32_t alarm_high_ = 0;
    std::uint64_t alarm_ = 0;
    bool armed_ = false, enabled_ = false, pending_ = false;
    Timer timer_;
};

}  // namespace redoubt::vmmd
