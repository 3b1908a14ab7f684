// The I/O APIC: 24 inputs, a redirection entry for each.
// Intel 82093AA data sheet (290566-001); EOI register as in the ICH family (version 0x20).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "vmmd/arch/x86_64/devices/interrupt_message.hpp"
#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"

namespace redoubt::vmmd {

inline constexpr std::uint64_t kIoApicBase = 0xFEC00000;

class IoApic final : public Device {
  public:
    static constexpr unsigned kInputs = 24;
    static constexpr std::uint64_t kSize = 0x1000;

    /// `send` passes a message to the local APICs; it is called with the I/O APIC's lock held.
    explicit IoApic(std::function<void(const InterruptMessage&)> send);

    std::string_view name() const override { return "io-apic"; }
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    void reset() override;

    /// True is "asserted": a device drives its line with the polarity the guest expects of it, so
    /// the entry's polarity bit is kept and has no effect.
    InterruptLine& input(unsigned pin) { return inputs_[pin]; }
    /// A local APIC's end of interrupt for a level-triggered vector.
    void end_of_interrupt(std::uint8_t vector);

  private:
    class Input final : public InterruptLine {
      public:
        Input(IoApic& owner, unsigned pin) : owner_(owner), pin_(pin) {}
        void set(bool level) override { owner_.set_line(pin_, level); }

      private:
        IoApic& owner_;
        unsigned pin_;
    };

    void set_line(unsigned pin, bool level);
    void deliver(unsigned pin);
    void service_level(unsigned pin);
    std::uint32_t read_register() const;
    void write_register(std::uint32_t value);
    void end_of_interrupt_locked(std::uint8_t vector);

    Mutex mutex_;
    std::function<void(const InterruptMessage&)> send_;
    std::uint32_t lines_ = 0;
    std::uint8_t selected_ = 0;
    std::uint8_t id_ = 0;
    std::array<std::uint64_t, kInputs> entries_;
    std::vector<Input> inputs_;
};

}  // namespace redoubt::vmmd
