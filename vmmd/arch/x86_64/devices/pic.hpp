// The pair of 8259A interrupt controllers of a PC, with their edge/level control registers.
// Intel 8259A data sheet (231468-003); ELCR as in the 82371SB data sheet 2.5.9.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

/// Offsets are port numbers: 0x20, 0x21 (master), 0xA0, 0xA1 (slave), 0x4D0, 0x4D1 (ELCR).
class Pic final : public ByteDevice {
  public:
    /// `output` is the master's INT pin, to the local APIC's LINT0.
    explicit Pic(InterruptLine& output);

    std::string_view name() const override { return "pic"; }
    std::uint8_t read_byte(std::uint64_t port) override;
    void write_byte(std::uint64_t port, std::uint8_t value) override;
    void reset() override;

    /// IRQ 0..15. Input 2 is the slave's and ignores its line.
    InterruptLine& input(unsigned irq) { return inputs_[irq]; }
    /// The INTA cycle: gives the vector. Without a request it is the spurious IRQ 7 (or 15), which
    /// sets no in-service bit.
    std::uint8_t acknowledge();

  private:
    /// One 8259A.
    struct Chip {
        std::uint8_t request = 0, in_service = 0, mask = 0, level_triggered = 0, lines = 0;
        std::uint8_t vector_base = 0;
        std::uint8_t lowest = 7;  ///< the input with the least priority; the next one has the most
        /// ICW 2..4 that comes next, or 0. "Before normal operation can begin" the words have to be
        /// written; until then, after power-on, it requests nothing.
        unsigned expected_word = kUninitialized;
        static constexpr unsigned kUninitialized = 1;
        bool single = false, needs_word4 = false;
        bool read_in_service = false, poll = false, special_mask = false;
        bool auto_end = false, rotate_on_auto_end = false, special_fully_nested = false;
        bool master = false;

        void initialize(std::uint8_t word1);
        void command(std::uint8_t value);
        void write_data(std::uint8_t value);
        void set_line(unsigned input, bool level);
        /// The input to be served now, if the chip asserts INT.
        std::optional<unsigned> candidate() const;
        void take(unsigned input);
        void end_of_interrupt(unsigned input, bool rotate);
        std::uint8_t poll_word();
        std::optional<unsigned> highest(std::uint8_t set) const;
    };
    class Input final : public InterruptLine {
      public:
        Input(Pic& pic, unsigned irq) : pic_(pic), irq_(irq) {}
        void set(bool level) override { pic_.set_line(irq_, level); }

      private:
        Pic& pic_;
        unsigned irq_;
    };

    void set_line(unsigned irq, bool level);
    void update_output();
    /// The chip behind 0x20, 0x21 or 0xA0, 0xA1; null for other ports.
    Chip* chip_at(std::uint64_t port);

    Mutex mutex_;
    InterruptLine& output_;
    bool output_level_ = false;
    Chip master_, slave_;
    std::vector<Input> inputs_;
};

}  // namespace redoubt::vmmd
