// The 8254 interval timer and port 0x61, which gates its channel 2 and shows its output.
// Intel 8254 data sheet (231164-005); port 61h as in the 82371SB data sheet 2.5.5 (NMI status and
// control).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// Offsets are port numbers: 0x40..0x43 and 0x61.
class Pit final : public ByteDevice {
  public:
    static constexpr std::uint64_t kFrequencyHz = 1'193'182;

    /// `output` is channel 0's OUT pin: IRQ 0. Channel 1 (memory refresh) is there but ends
    /// nowhere.
    Pit(TimerQueue& timers, InterruptLine& output);

    std::string_view name() const override { return "pit"; }
    std::uint8_t read_byte(std::uint64_t port) override;
    void write_byte(std::uint64_t port, std::uint8_t value) override;
    void reset() override;

  private:
    /// Times in here are in ticks of the 8254's input clock since the VM's clock began.
    using Ticks = std::uint64_t;

    struct Channel {
        unsigned mode = 0;
        bool bcd = false;
        unsigned access = 3;  ///< 1 low byte, 2 high byte, 3 low then high
        bool gate = true;
        bool counting = false;   ///< a count was loaded since the control word
        bool triggered = false;  ///< modes 1 and 5: the gate rose since then
        Ticks started = 0;       ///< when the count below was loaded, less what passed in pauses
        std::optional<Ticks> paused;              ///< modes 0 and 4, gate low: ticks counted before
        std::uint32_t count = 0x10000;            ///< as ticks, never 0
        std::optional<std::uint32_t> next_count;  ///< modes 2 and 3: takes over at the period's end
        std::uint8_t low_byte = 0;
        bool high_byte_next_write = false, high_byte_next_read = false;
        std::optional<std::uint16_t> latched_count;
        std::optional<std::uint8_t> latched_status;

        bool periodic() const { return mode == 2 || mode == 3; }
        void control(std::uint8_t word);
        void write(std::uint8_t value, Ticks now);
        void load(std::uint16_t raw, Ticks now);
        std::uint8_t read(Ticks now);
        void set_gate(bool level, Ticks now);
        /// Lets a new count take over at each end of period that has passed.
        void advance(Ticks now);
        Ticks elapsed(Ticks now) const;
        bool output(Ticks now) const;
        std::uint16_t current(Ticks now) const;  ///< the count as it reads, in BCD if so programmed
        std::uint8_t status(Ticks now) const;
        void latch_count(Ticks now);
        /// When OUT rises next, if it does without anybody's doing.
        std::optional<Ticks> next_rise(Ticks now) const;
    };

    Ticks now() const;
    void read_back(std::uint8_t command, Ticks now);
    void update_output(Ticks now);
    void timer_expired();

    Mutex mutex_;
    const Clock& clock_;
    InterruptLine& output_;
    std::array<Channel, 3> channels_;
    std::uint8_t port61_ = 0;
    std::optional<Ticks> next_rise_;
    Timer timer_;
};

}  // namespace redoubt::vmmd
