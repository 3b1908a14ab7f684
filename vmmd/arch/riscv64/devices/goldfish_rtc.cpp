// Time and alarm.
#include "vmmd/arch/riscv64/devices/goldfish_rtc.hpp"

namespace redoubt::vmmd {

namespace {
enum Register : std::uint64_t {
    kTimeLow = 0x00,  // latches the high half
    kTimeHigh = 0x04,
    kAlarmLow = 0x08,  // writing it arms the alarm
    kAlarmHigh = 0x0C,
    kInterruptEnable = 0x10,
    kClearAlarm = 0x14,
    kAlarmStatus = 0x18,
    kClearInterrupt = 0x1C,
};
}  // namespace

GoldfishRtc::GoldfishRtc(TimerQueue& timers, InterruptLine& output, std::uint64_t real_time)
    : clock_(timers.clock()),
      output_(output),
      offset_(real_time - timers.clock().now().count),
      timer_(timers, [this] {
          const std::lock_guard lock(mutex_);
          arm();
      }) {}

void GoldfishRtc::reset() {
    const std::lock_guard lock(mutex_);
    time_high_ = written_high_ = alarm_high_ = 0;
    alarm_ = 0;
    armed_ = enabled_ = pending_ = false;
    timer_.cancel();
    update();
}

/// What is due has happened; else its timer runs.
void GoldfishRtc::arm() {
    if (!armed_) return timer_.cancel();
    if (const auto time = now(); alarm_ > time) {
        const auto distance = alarm_ - time;
        const auto deadline = clock_.now().count + distance;
        // Beyond what a clock can reach there is nothing to wait for.
        return deadline < distance ? timer_.cancel() : timer_.arm({deadline});
    }
    armed_ = false;
    pending_ = true;
    timer_.cancel();
    update();
}

void GoldfishRtc::update() { output_.set(pending_ && enabled_); }

std::uint32_t GoldfishRtc::read_register(std::uint64_t offset) {
    switch (offset) {
        case kTimeLow: {
            const auto time = now();
            time_high_ = static_cast<std::uint32_t>(time >> 32);
            return static_cast<std::uint32_t>(time);
        }
        case kTimeHigh:
            return time_high_;
        case kAlarmLow:
            return static_cast<std::uint32_t>(alarm_);
        case kAlarmHigh:
            return static_cast<std::uint32_t>(alarm_ >> 32);
        case kInterruptEnable:
            return enabled_ ? 1 : 0;
        case kAlarmStatus:
            return armed_ ? 1 : 0;
        default:
            return 0;
    }
}

void GoldfishRtc::write_register(std::uint64_t offset, std::uint32_t value) {
    switch (offset) {
        case kTimeLow:
            offset_ = (std::uint64_t{written_high_} << 32 | value) - clock_.now().count;
            return arm();
        case kTimeHigh:
            written_high_ = value;
            return;
        case kAlarmLow:
            alarm_ = std::uint64_t{alarm_high_} << 32 | value;
            armed_ = true;
            return arm();
        case kAlarmHigh:
            alarm_high_ = value;
            return;
        case kInterruptEnable:
            enabled_ = (value & 1) != 0;
            return update();
        case kClearAlarm:
            armed_ = false;
            return arm();
        case kClearInterrupt:
            pending_ = false;
            return update();
        default:
            return;
    }
}

void GoldfishRtc::read(std::uint64_t offset, std::span<std::uint8_t> data) {
    if (data.size() != 4) return store_little_endian(data, 0);
    const std::lock_guard lock(mutex_);
    store_little_endian(data, read_register(offset));
}

void GoldfishRtc::write(std::uint64_t offset, std::span<const std::uint8_t> data) {
    if (data.size() != 4) return;
    const std::lock_guard lock(mutex_);
    write_register(offset, static_cast<std::uint32_t>(load_little_endian(data)));
}

}  // namespace redoubt::vmmd
