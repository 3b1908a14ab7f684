// What every device test needs: time that moves by hand, a line that remembers, ports by number.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// A line's level and how often it rose.
class RecordingLine final : public InterruptLine {
  public:
    void set(bool level) override {
        rises += level && !this->level ? 1 : 0;
        this->level = level;
    }
    bool level = false;
    unsigned rises = 0;
};

inline constexpr Nanoseconds microseconds(std::uint64_t count) { return {count * 1'000}; }
inline constexpr Nanoseconds milliseconds(std::uint64_t count) { return {count * 1'000'000}; }
inline constexpr Nanoseconds whole_seconds(std::uint64_t count) { return {count * 1'000'000'000}; }

class DeviceTest : public testing::Test {
  protected:
    DeviceTest() { clock.set(whole_seconds(10)); }

    /// Moves time on, and runs every timer at its deadline.
    void advance(Nanoseconds step) {
        const auto end = clock.now() + step;
        while (timers.next_deadline() <= end) {
            clock.set(std::max(timers.next_deadline(), clock.now()));
            timers.run_expired();
        }
        clock.set(end);
    }

    static std::uint8_t in(Device& device, std::uint64_t offset) {
        return static_cast<std::uint8_t>(in(device, offset, 1));
    }
    static std::uint64_t in(Device& device, std::uint64_t offset, std::size_t bytes) {
        std::array<std::uint8_t, 8> data{};
        device.read(offset, std::span(data).first(bytes));
        return load_little_endian(std::span(data).first(bytes));
    }
    static void out(Device& device, std::uint64_t offset, std::uint64_t value,
                    std::size_t bytes = 1) {
        std::array<std::uint8_t, 8> data{};
        store_little_endian(data, value);
        device.write(offset, std::span<const std::uint8_t>(data).first(bytes));
    }

    ManualClock clock;
    TimerQueue timers{clock};
    RecordingLine line;
};

}  // namespace redoubt::vmmd
