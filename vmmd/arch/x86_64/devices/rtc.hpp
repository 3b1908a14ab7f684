// The MC146818 real-time clock with its CMOS RAM. Motorola MC146818A data sheet (section names
// below).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// Offsets: 0 index (port 0x70), 1 data (port 0x71).
class Rtc final : public ByteDevice {
  public:
    /// Where the century is kept; the FADT says so to the guest.
    static constexpr std::uint8_t kCenturyRegister = 0x32;

    /// `now` is UTC at the clock's present; `memory_bytes` goes into the CMOS, where firmware looks
    /// for it. `output` is IRQ 8.
    Rtc(TimerQueue& timers, InterruptLine& output, std::chrono::sys_seconds now,
        std::uint64_t memory_bytes);

    std::string_view name() const override { return "rtc"; }
    std::uint8_t read_byte(std::uint64_t offset) override;
    void write_byte(std::uint64_t offset, std::uint8_t value) override;
    /// The battery keeps time and RAM; interrupts are off afterwards.
    void reset() override;

  private:
    bool halted() const;
    std::chrono::sys_seconds time(Nanoseconds now) const;
    /// Nanoseconds since the last whole second.
    std::uint64_t phase(Nanoseconds now) const;
    std::uint64_t periodic_ticks() const;  ///< of 32,768 Hz; 0: off
    std::uint8_t encode(unsigned value) const;
    unsigned decode(std::uint8_t raw) const;
    std::uint8_t encode_hour(unsigned hour) const;
    unsigned decode_hour(std::uint8_t raw) const;

    std::uint8_t read_register(std::uint8_t index, Nanoseconds now);
    void write_register(std::uint8_t index, std::uint8_t value, Nanoseconds now);
    void write_control(std::uint8_t index, std::uint8_t value, Nanoseconds now);
    void store_time(std::chrono::sys_seconds time);
    std::chrono::sys_seconds stored_time() const;
    void set_time(std::chrono::sys_seconds time, Nanoseconds last_boundary, Nanoseconds now);

    std::chrono::sys_seconds next_alarm(std::chrono::sys_seconds after) const;
    void update_flags(Nanoseconds now);
    void update_output();
    void arm_timer(Nanoseconds now);
    void timer_expired();

    Mutex mutex_;
    const Clock& clock_;
    InterruptLine& output_;
    std::array<std::uint8_t, 128> ram_ = {};
    std::uint8_t index_ = 0;
    // It was base_time_ at base_, a whole second. While halted, the RAM has the time.
    std::chrono::sys_seconds base_time_;
    Nanoseconds base_;
    Nanoseconds flags_checked_;
    Timer timer_;
};

}  // namespace redoubt::vmmd
