// The 16550A UART of a PC. National Semiconductor PC16550D data sheet (section numbers below).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>

#include "vmmd/device.hpp"
#include "vmmd/devices/character_backend.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// Sending takes no time: every byte goes to the back end at once. Receiving fills the FIFO as far
/// as it goes and never overruns it. The line is always connected: CTS, DSR and DCD are on.
class Serial final : public ByteDevice, public CharacterInput {
  public:
    static constexpr std::uint64_t kSize = 8;

    /// `backend` may be null; it is called with the UART's lock held and must not call back.
    Serial(TimerQueue& timers, InterruptLine& output, CharacterBackend* backend);

    std::string_view name() const override { return "serial"; }
    std::uint8_t read_byte(std::uint64_t offset) override;
    void write_byte(std::uint64_t offset, std::uint8_t value) override;
    void reset() override;

    std::size_t receive(std::span<const std::uint8_t> bytes) override;
    void set_ready_callback(std::function<void()> ready) override;

  private:
    static constexpr std::size_t kFifoSize = 16;
    /// All that a reset clears.
    struct Registers {
        std::uint8_t interrupt_enable = 0, fifo_control = 0, line_control = 0, modem_control = 0;
        std::uint8_t line_errors = 0, modem_deltas = 0, scratch = 0;
        std::uint16_t divisor = 12;        // 9600 baud; undefined on power-up
        bool transmitter_request = false;  ///< "transmitter holding register empty" to be reported
        bool timeout = false;              ///< characters wait below the trigger level for too long
        std::array<std::uint8_t, kFifoSize> received = {};
        std::size_t first = 0, count = 0;
    };

    bool fifo_enabled() const { return (r_.fifo_control & 1) != 0; }
    bool loopback() const;
    bool divisor_access() const;
    std::size_t capacity() const { return fifo_enabled() ? kFifoSize : 1; }
    std::size_t trigger_level() const;
    Nanoseconds timeout_period() const;
    std::uint8_t modem_lines() const;
    std::uint8_t interrupt_identification() const;

    void push(std::uint8_t byte);
    std::uint8_t pop();
    void clear_received();
    void transmit(std::uint8_t byte);
    void write_fifo_control(std::uint8_t value);
    void write_modem_control(std::uint8_t value);
    void update_output();
    void receive_changed();
    void timer_expired();
    /// True if a sender waits and there is room again: call ready_ after unlocking.
    bool take_ready();

    Mutex mutex_;
    InterruptLine& output_;
    CharacterBackend* backend_;
    const Clock& clock_;
    std::function<void()> ready_;
    bool sender_waits_ = false;
    bool output_level_ = false;
    Registers r_;
    Timer timer_;
};

}  // namespace redoubt::vmmd
