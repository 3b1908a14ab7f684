// The local APIC of one vCPU: xAPIC page, x2APIC MSRs, timer, and what the vCPU loop asks of it.
// Intel SDM vol. 3A chapter 11 (APIC; section numbers below are of that chapter), AMD APM vol. 2
// chapter 16.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "vmmd/arch/x86_64/devices/interrupt_message.hpp"
#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/mutex.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

inline constexpr std::uint64_t kLocalApicBase = 0xFEE00000;

/// How a local APIC reaches the rest of the machine. `kick` may be called with this APIC's lock
/// held and on the vCPU's own thread; the others are called with no lock of this APIC held.
struct LocalApicWiring {
    std::function<void()> kick;  ///< something became pending: the vCPU has to look
    std::function<void(const InterruptMessage&)> send;  ///< an IPI, to whomever it addresses
    std::function<void(std::uint8_t vector)> end_of_interrupt;  ///< EOI of a level-triggered vector
    std::function<std::uint8_t()> acknowledge_external;         ///< the 8259's INTA cycle
    std::function<void()> init;
    std::function<void(std::uint8_t vector)> startup;
    std::function<void()> nmi;
};

class LocalApic final : public Device {
  public:
    LocalApic(unsigned id, TimerQueue& timers, const TscClock& tsc, LocalApicWiring wiring);

    std::string_view name() const override { return "local-apic"; }
    /// The xAPIC page, offset 0..0xFFF. The manual asks for aligned 32-bit accesses and leaves
    /// others undefined (11.4.1): narrow reads give the register's bytes, narrow writes are
    /// dropped.
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    void reset() override;
    /// INIT: as reset(), but the ID and APIC_BASE stay (11.4.7.3).
    void init();
    /// What firmware leaves behind: APIC on, 8259 through LINT0, NMI at LINT1 (11.5.1, virtual
    /// wire).
    void enable_virtual_wire();

    // -- MSRs: the loop passes 0x1B, 0x6E0 and 0x800..0x8FF. Nothing or false: #GP.
    std::optional<std::uint64_t> read_msr(std::uint32_t number);
    bool write_msr(std::uint32_t number, std::uint64_t value);

    /// Where the page is, or nothing when the APIC is off or in x2APIC mode. One load.
    std::optional<std::uint64_t> page() const {
        const auto base = page_.load(std::memory_order_relaxed);
        if (base == kNoPage) return std::nullopt;
        return base;
    }

    // -- for the vCPU loop
    /// True if an interrupt would be taken now if IF were set: from this APIC above the processor's
    /// priority, or from the 8259. Two loads.
    bool interrupt_pending() const {
        return deliverable_.load(std::memory_order_acquire) != 0 || external_pending();
    }
    /// Takes the interrupt for injection. Nothing if it went away meanwhile.
    std::optional<std::uint8_t> acknowledge();
    /// CR8, 0..15: the TPR's upper half (10.8.6).
    void set_cr8(std::uint64_t value);
    std::uint64_t cr8() const { return tpr_.load(std::memory_order_relaxed) >> 4; }
    /// The guest moved its TSC: the TSC deadline, which stays the same number, comes at another
    /// time.
    void tsc_changed();

    // -- for the other controllers
    /// Takes an interrupt that the bus decided is for this APIC.
    void deliver(const InterruptMessage& message);
    /// True if `message` is addressed to this APIC (11.6.2); one that is off takes INIT, NMI
    /// and SIPI only.
    bool accepts(const InterruptMessage& message) const;
    /// For lowest-priority arbitration: the less, the readier.
    std::uint8_t processor_priority() const;
    /// The 8259's INT output.
    InterruptLine& external_interrupt() { return lint0_; }
    unsigned id() const { return id_; }

  private:
    /// 256 bits, one for each vector.
    class VectorSet {
      public:
        void set(unsigned vector) { words_[vector / 64] |= 1ULL << (vector % 64); }
        void clear(unsigned vector) { words_[vector / 64] &= ~(1ULL << (vector % 64)); }
        bool test(unsigned vector) const { return (words_[vector / 64] >> (vector % 64)) & 1; }
        /// The highest vector, or 0: vectors below 16 are never set.
        unsigned highest() const;
        std::uint32_t word(unsigned index) const {
            return static_cast<std::uint32_t>(words_[index / 2] >> (32 * (index % 2)));
        }

      private:
        std::array<std::uint64_t, 4> words_ = {};
    };
    enum Lvt : unsigned { kTimer, kThermal, kPerformance, kLint0, kLint1, kError, kLvtCount };
    enum class TimerMode { OneShot, Periodic, TscDeadline };

    struct State {
        VectorSet irr, isr, tmr;
        std::array<std::uint32_t, kLvtCount> lvt;
        std::uint32_t spurious, logical_destination, destination_format;
        std::uint32_t error_status, errors;
        std::uint32_t icr_low, icr_high;
        // Timer: the count was `counted_from` at `started`, and goes down once per divided tick.
        std::uint32_t initial_count, counted_from, divide_configuration;
        Nanoseconds started;
        std::uint64_t tsc_deadline;
    };
    static constexpr std::uint64_t kNoPage = ~0ULL;
    static State power_on_state();

    bool x2apic() const;
    bool software_enabled() const;
    bool external_pending() const {
        return (external_level_.load(std::memory_order_acquire) &&
                external_enabled_.load(std::memory_order_relaxed)) ||
               external_message_.load(std::memory_order_relaxed);
    }
    unsigned current_priority() const;
    void update_deliverable();
    void update_external();
    void accept(unsigned vector, bool level);
    void raise_lvt(Lvt entry);
    void report_error(std::uint32_t bit);
    void reset_registers();
    bool write_base(std::uint64_t value);

    // Registers by number: xAPIC offset / 16, x2APIC MSR - 0x800.
    std::optional<std::uint64_t> read_register(unsigned index);
    /// What has to happen after the lock is dropped.
    struct Deferred {
        std::optional<std::uint8_t> end_of_interrupt;
        std::optional<InterruptMessage> send;
    };
    bool write_register(unsigned index, std::uint64_t value, Deferred& deferred);
    void write_lvt(Lvt entry, std::uint32_t value);
    void write_command(std::uint64_t command, Deferred& deferred);
    std::optional<std::uint8_t> end_of_interrupt();
    void perform(const Deferred& deferred);

    // Timer (local_apic_timer.cpp).
    TimerMode timer_mode() const;
    std::uint64_t divider() const;
    std::uint32_t current_count() const;
    void start_count(std::uint32_t count);
    void arm_timer();
    void write_divide_configuration(std::uint32_t value);
    void write_tsc_deadline(std::uint64_t value);
    void timer_expired();

    const unsigned id_;
    TimerQueue& timers_;
    const TscClock& tsc_;
    LocalApicWiring wiring_;
    CallbackLine lint0_;

    mutable Mutex mutex_;
    State state_;
    std::uint64_t base_;
    std::atomic<std::uint64_t> page_;
    std::atomic<std::uint32_t> deliverable_ = 0;
    std::atomic<std::uint32_t> tpr_ = 0;
    std::atomic<bool> external_level_ = false;
    std::atomic<bool> external_enabled_ = false;
    std::atomic<bool> external_message_ = false;
    Timer timer_;
};

}  // namespace redoubt::vmmd
