// ACPI fixed hardware registers. ACPI specification 6.4, 4.8.3 (register definitions).
#include "vmmd/arch/x86_64/devices/acpi_pm.hpp"

#include <utility>

namespace redoubt::vmmd {

namespace {

// PM1 status and enable (4.8.3.1).
constexpr std::uint16_t kTimerStatus = 1U << 0;
constexpr std::uint16_t kGlobalStatus = 1U << 5;
constexpr std::uint16_t kPowerButton = 1U << 8;
constexpr std::uint16_t kSleepButton = 1U << 9;
constexpr std::uint16_t kRtc = 1U << 10;
constexpr std::uint16_t kWake = 1U << 15;
constexpr std::uint16_t kEvents = kTimerStatus | kGlobalStatus | kPowerButton | kSleepButton | kRtc;
constexpr std::uint16_t kStatusBits = kEvents | kWake;
// PM1 control (4.8.3.2).
constexpr std::uint16_t kSciEnable = 1U << 0;
constexpr std::uint16_t kSleepEnable = 1U << 13;
constexpr unsigned kSleepTypeShift = 10;
constexpr std::uint16_t kControlWritable = 0x1C02;  // BM_RLD, SLP_TYP
/// The timer's status is set each time its uppermost bit changes.
constexpr unsigned kTimerTopBit = 31;

}  // namespace

AcpiPm::AcpiPm(TimerQueue& timers, InterruptLine& sci, std::function<void()> power_off)
    : clock_(timers.clock()),
      sci_(sci),
      power_off_(std::move(power_off)),
      timer_(timers, [this] { timer_expired(); }) {
    timer_seen_ = timer_value();
}

void AcpiPm::reset() {
    const std::lock_guard lock(mutex_);
    status_ = enable_ = control_ = 0;
    timer_seen_ = timer_value();
    arm_timer();
    update_sci();
}

std::uint32_t AcpiPm::timer_value() const {
    return static_cast<std::uint32_t>(
        multiply_divide(clock_.now().count, kTimerHz, kNanosecondsPerSecond));
}

void AcpiPm::update_timer_status() {
    const auto value = timer_value();
    if (((value ^ timer_seen_) >> kTimerTopBit & 1) != 0) status_ |= kTimerStatus;
    timer_seen_ = value;
}

void AcpiPm::update_sci() { sci_.set((status_ & enable_ & kEvents) != 0); }

void AcpiPm::arm_timer() {
    if ((enable_ & ~status_ & kTimerStatus) == 0) {
        timer_.cancel();
        return;
    }
    constexpr std::uint32_t kHalf = 1U << kTimerTopBit;
    const std::uint64_t ticks = kHalf - timer_value() % kHalf;
    timer_.arm(clock_.now() +
               Nanoseconds{multiply_divide(ticks, kNanosecondsPerSecond, kTimerHz) + 1});
}

void AcpiPm::timer_expired() {
    const std::lock_guard lock(mutex_);
    update_timer_status();
    update_sci();
    arm_timer();
}

void AcpiPm::press_power_button() {
    const std::lock_guard lock(mutex_);
    status_ |= kPowerButton;
    update_sci();
}

void AcpiPm::read(std::uint64_t offset, std::span<std::uint8_t> data) {
    const std::lock_guard lock(mutex_);
    // Read as one value: a timer put together from bytes could tear.
    std::uint64_t value = 0;
    if (offset >= kPmTimerPort - kPort) {
        value = timer_value();
    } else {
        update_timer_status();
        value = static_cast<std::uint64_t>(control_ | kSciEnable) << 32 |
                static_cast<std::uint64_t>(enable_) << 16 | status_;
    }
    store_little_endian(data, value >> (8 * (offset % 8)));
}

void AcpiPm::write(std::uint64_t offset, std::span<const std::uint8_t> data) {
    bool off = false;
    {
        const std::lock_guard lock(mutex_);
        update_timer_status();
        for (const auto byte : data) {
            const unsigned shift = offset % 2 != 0 ? 8 : 0;
            const auto value = static_cast<std::uint16_t>(byte << shift);
            const auto mask = static_cast<std::uint16_t>(0xFF << shift);
            switch (offset / 2) {
                case 0:  // ones clear
                    status_ &= static_cast<std::uint16_t>(~(value & kStatusBits));
                    break;
                case 1:
                    enable_ = static_cast<std::uint16_t>((enable_ & ~mask) | (value & kEvents));
                    break;
                case 2: {
                    control_ =
                        static_cast<std::uint16_t>((control_ & ~mask) | (value & kControlWritable));
                    const auto type = control_ >> kSleepTypeShift & 7;
                    if ((value & kSleepEnable) != 0 && type == kSleepTypeS5) off = true;
                    break;
                }
                default:  // the timer is read-only, and the gap before it is nothing
                    break;
            }
            ++offset;
        }
        arm_timer();
        update_sci();
    }
    if (off && power_off_) power_off_();
}

}  // namespace redoubt::vmmd
