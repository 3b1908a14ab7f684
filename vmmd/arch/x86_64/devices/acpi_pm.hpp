// The ACPI fixed hardware: PM1 event and control registers, power-management timer, power button.
// ACPI specification 6.4, section 4.8.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// The hardware is always in ACPI mode: the FADT has no SMI command port, SCI_EN is always 1, and
/// the timer has 32 bits (FADT flag TMR_VAL_EXT).
class AcpiPm final : public Device {
  public:
    // For the FADT and \_S5.
    static constexpr std::uint16_t kPort = 0x600;
    static constexpr std::uint16_t kSize = 12;
    static constexpr std::uint16_t kPm1EventPort = kPort;        ///< status, enable; 4 bytes
    static constexpr std::uint16_t kPm1ControlPort = kPort + 4;  ///< 2 bytes
    static constexpr std::uint16_t kPmTimerPort = kPort + 8;     ///< 4 bytes
    static constexpr unsigned kSciInterrupt = 9;                 ///< level, active high
    static constexpr std::uint8_t kSleepTypeS5 = 5;
    static constexpr std::uint64_t kTimerHz = 3'579'545;

    /// `power_off` is called, with no lock held, when the guest enters S5.
    AcpiPm(TimerQueue& timers, InterruptLine& sci, std::function<void()> power_off);

    std::string_view name() const override { return "acpi-pm"; }
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    void reset() override;

    /// The fixed-feature power button, pressed and released.
    void press_power_button();

  private:
    std::uint32_t timer_value() const;
    void update_timer_status();
    void update_sci();
    void arm_timer();
    void timer_expired();

    Mutex mutex_;
    const Clock& clock_;
    InterruptLine& sci_;
    std::function<void()> power_off_;
    std::uint16_t status_ = 0, enable_ = 0, control_ = 0;
    std::uint32_t timer_seen_ = 0;  ///< the timer's value when its status bit was last looked after
    Timer timer_;
};

}  // namespace redoubt::vmmd
