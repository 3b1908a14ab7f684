// The local APIC of one vCPU: xAPIC page, x2APIC MSRs, timer, and what the vCPU loop asks of it.
// Intel SDM vol. 3A chapter 11 (APIC); AMD APM vol. 2 chapter 16.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "vmmd/clock.hpp"
#include "vmmd/device.hpp"
#include "vmmd/devices/interrupt_message.hpp"
#include "vmmd/interrupt_line.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// How a local APIC reaches the rest of the machine.
struct LocalApicWiring {
    std::function<void()> kick;  ///< something became pending: the vCPU has to look
    std::function<void(const InterruptMessage&, unsigned source)> send;  ///< an IPI that is not to self alone
    std::function<void(std::uint8_t vector)> end_of_interrupt;  ///< EOI of a level-triggered vector
    std::function<std::uint8_t()> acknowledge_external;          ///< the PIC's INTA cycle
    std::function<void()> init;
    std::function<void(std::uint8_t vector)> startup;
    std::function<void()> nmi;
};

class LocalApic final : public Device {
  public:
    LocalApic(unsigned id, TimerQueue& timers, const TscClock& tsc, LocalApicWiring wiring);

    std::string_view name() const override { return "local-apic"; }
    /// The xAPIC page: offset 0..0xFFF. 32-bit aligned accesses, as the manual demands; others are
    /// undefined there: reads give the bytes, writes are ignored.
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override;
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override;
    void reset() override;

    // -- MSRs: the loop passes 0x1B, 0x6E0 and 0x800..0x8FF. Empty or false: #GP.
    std::optional<std::uint64_t> read_msr(std::uint32_t number);
    bool write_msr(std::uint32_t number, std::uint64_t value);

    /// Where the page is, or nothing when the APIC is off or in x2APIC mode. One load: asked per MMIO exit.
    std::optional<std::uint64_t> page() const {
        const auto base = page_.load(std::memory_order_relaxed);
        if (base == kNoPage) return std::nullopt;
        return base;
    }

    // -- for the vCPU loop
    /// True if an interrupt could be taken now if IF were set: from this APIC above the processor's
    /// priority, or from the 8259. One load.
    bool interrupt_pending() const { return pending_.load(std::memory_order_acquire) != 0; }
    /// Takes the interrupt for injection. Nothing if it went away.
    std::optional<std::uint8_t> acknowledge();
    /// CR8, 0..15: an alias of the TPR's upper half.
    void set_cr8(std::uint64_t value);
    std::uint64_t cr8() const { return tpr_.load(std::memory_order_relaxed) >> 4; }

    // -- for the other controllers
    /// Takes a fixed or lowest-priority interrupt, NMI, INIT or SIPI that the bus decided is for us.
    void deliver(const InterruptMessage& message);
    /// True if `message` is addressed to this APIC.
    bool accepts(const InterruptMessage& message) const;
    /// The 8259's INT output at LINT0.
    InterruptLine& external_interrupt() { return lint0_; }
    unsigned id() const { return id_; }

  private:
    static constexpr std::uint64_t kNoPage = ~0ULL;
    std::atomic<std::uint64_t> page_;
    std::atomic<std::uint32_t> pending_ = 0;
    std::atomic<std::uint32_t> tpr_ = 0;
    unsigned id_;
    CallbackLine lint0_;
};

}  // namespace redoubt::vmmd
