// The local APIC: acceptance, priority, delivery to the vCPU, and the APIC_BASE MSR.
#include "vmmd/arch/x86_64/devices/local_apic.hpp"

#include <bit>
#include <utility>

#include "vmmd/arch/x86_64/devices/local_apic_registers.hpp"

namespace redoubt::vmmd {

using namespace local_apic;

LocalApic::LocalApic(unsigned id, TimerQueue& timers, const TscClock& tsc, LocalApicWiring wiring)
    : id_(id),
      timers_(timers),
      tsc_(tsc),
      wiring_(std::move(wiring)),
      lint0_([this](bool level) {
          external_level_.store(level, std::memory_order_release);
          if (level && external_pending()) wiring_.kick();
      }),
      timer_(timers, [this] { timer_expired(); }) {
    reset();
}

unsigned LocalApic::VectorSet::highest() const {
    for (unsigned i = 4; i-- > 0;) {
        if (words_[i] != 0) return i * 64 + 63 - static_cast<unsigned>(std::countl_zero(words_[i]));
    }
    return 0;
}

LocalApic::State LocalApic::power_on_state() {
    State state{};
    state.lvt.fill(kLvtMasked);
    state.spurious = 0xFF;
    state.destination_format = ~0U;
    return state;
}

void LocalApic::reset() {
    const std::lock_guard lock(mutex_);
    base_ = kLocalApicBase | kBaseEnable | (id_ == 0 ? kBaseBootProcessor : 0);
    page_ = kLocalApicBase;
    reset_registers();
}

void LocalApic::init() {
    const std::lock_guard lock(mutex_);
    reset_registers();
}

void LocalApic::reset_registers() {
    state_ = power_on_state();
    tpr_ = 0;
    external_message_ = false;
    timer_.cancel();
    update_external();
    update_deliverable();
}

void LocalApic::enable_virtual_wire() {
    const std::lock_guard lock(mutex_);
    state_.spurious = kSpuriousEnable | 0xFF;
    state_.lvt[kLint0] = static_cast<std::uint32_t>(DeliveryMode::ExtInt) << kDeliveryModeShift;
    state_.lvt[kLint1] = static_cast<std::uint32_t>(DeliveryMode::Nmi) << kDeliveryModeShift;
    update_external();
}

bool LocalApic::x2apic() const { return (base_ & kBaseX2Apic) != 0; }

bool LocalApic::software_enabled() const {
    return (base_ & kBaseEnable) != 0 && (state_.spurious & kSpuriousEnable) != 0;
}

/// PPR, 11.8.3.1: the higher class of TPR and the interrupt in service.
unsigned LocalApic::current_priority() const {
    const unsigned task = tpr_.load(std::memory_order_relaxed);
    const unsigned service = state_.isr.highest();
    return (task >> 4) >= (service >> 4) ? task : service & 0xF0;
}

void LocalApic::update_deliverable() {
    const unsigned vector = state_.irr.highest();
    const bool ready = (vector >> 4) > (current_priority() >> 4) && software_enabled();
    deliverable_.store(ready ? vector : 0, std::memory_order_release);
}

/// The 8259 gets through when LINT0 is unmasked ExtINT, or when there is no APIC in its way at all.
void LocalApic::update_external() {
    const auto lint0 = state_.lvt[kLint0];
    const bool ext_int = delivery_mode(lint0) == DeliveryMode::ExtInt && (lint0 & kLvtMasked) == 0;
    external_enabled_ = (base_ & kBaseEnable) == 0 || ext_int;
    if (external_pending()) wiring_.kick();
}

void LocalApic::accept(unsigned vector, bool level) {
    if (vector < 16) {
        report_error(kErrorReceivedIllegalVector);
        return;
    }
    state_.irr.set(vector);
    if (level) {
        state_.tmr.set(vector);
    } else {
        state_.tmr.clear(vector);
    }
    update_deliverable();
    if (deliverable_.load(std::memory_order_relaxed) != 0) wiring_.kick();
}

void LocalApic::raise_lvt(Lvt entry) {
    const auto value = state_.lvt[entry];
    if ((value & kLvtMasked) == 0) accept(value & 0xFF, false);
}

void LocalApic::report_error(std::uint32_t bit) {
    const bool news = (state_.errors & bit) == 0;
    state_.errors |= bit;
    // An illegal vector in the error entry itself must not report itself again.
    if (news && (state_.lvt[kError] & 0xFF) >= 16) raise_lvt(kError);
}

std::optional<std::uint8_t> LocalApic::acknowledge() {
    if (external_pending()) {
        external_message_ = false;
        return wiring_.acknowledge_external();
    }
    const std::lock_guard lock(mutex_);
    const auto vector = deliverable_.load(std::memory_order_relaxed);
    if (vector == 0) return std::nullopt;
    state_.irr.clear(vector);
    state_.isr.set(vector);
    update_deliverable();
    return static_cast<std::uint8_t>(vector);
}

std::optional<std::uint8_t> LocalApic::end_of_interrupt() {
    const unsigned vector = state_.isr.highest();
    if (vector == 0) return std::nullopt;
    state_.isr.clear(vector);
    update_deliverable();
    if (!state_.tmr.test(vector)) return std::nullopt;
    return static_cast<std::uint8_t>(vector);
}

void LocalApic::set_cr8(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    tpr_ = static_cast<std::uint32_t>((value & 0xF) << 4);
    update_deliverable();
}

void LocalApic::deliver(const InterruptMessage& message) {
    switch (message.mode) {
        case DeliveryMode::Fixed:
        case DeliveryMode::LowestPriority: {
            const std::lock_guard lock(mutex_);
            if (software_enabled()) accept(message.vector, message.level);
            break;
        }
        case DeliveryMode::Nmi:
            if (wiring_.nmi) wiring_.nmi();
            break;
        case DeliveryMode::Init:
            if (wiring_.init) wiring_.init();
            break;
        case DeliveryMode::Startup:
            if (wiring_.startup) wiring_.startup(message.vector);
            break;
        case DeliveryMode::ExtInt:
            external_message_ = true;
            wiring_.kick();
            break;
        case DeliveryMode::Smi:  // there is no system management mode
            break;
    }
}

bool LocalApic::accepts(const InterruptMessage& message) const {
    const std::lock_guard lock(mutex_);
    const bool fixed =
        message.mode == DeliveryMode::Fixed || message.mode == DeliveryMode::LowestPriority;
    if (fixed && !software_enabled()) return false;
    switch (message.shorthand) {
        case Shorthand::Self:
            return message.source == id_;
        case Shorthand::All:
            return true;
        case Shorthand::AllButSelf:
            return message.source != id_;
        case Shorthand::None:
            break;
    }
    const auto broadcast = message.wide_destination ? ~0U : 0xFFU;
    if (message.destination == broadcast) return true;
    if (!message.logical) return message.destination == id_;
    if (x2apic()) {
        // 11.12.10.2: cluster in the upper half, one bit of sixteen in the lower. An xAPIC-style
        // message with its 8 bits addresses cluster 0.
        const auto logical = x2apic_logical_id(id_);
        return message.destination >> 16 == logical >> 16 &&
               (message.destination & logical & 0xFFFF) != 0;
    }
    const auto mine = state_.logical_destination >> 24;
    if (state_.destination_format >> 28 == 0xF) return (message.destination & mine) != 0;
    return (message.destination >> 4) == (mine >> 4) && (message.destination & mine & 0xF) != 0;
}

std::uint8_t LocalApic::processor_priority() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::uint8_t>(current_priority());
}

/// 11.12.5: the legal ways between off, xAPIC and x2APIC.
bool LocalApic::write_base(std::uint64_t value) {
    constexpr std::uint64_t kAddressMask = 0x000FFFFFFFFFF000;
    constexpr auto kModeMask = kBaseEnable | kBaseX2Apic;
    if ((value & ~(kAddressMask | kModeMask | kBaseBootProcessor)) != 0) return false;
    const auto from = base_ & kModeMask;
    const auto to = value & kModeMask;
    if (to == kBaseX2Apic) return false;
    if (from == kModeMask && to == kBaseEnable) return false;
    if (from == 0 && to == kModeMask) return false;

    base_ = value;
    page_ = to == kBaseEnable ? value & kAddressMask : kNoPage;
    // Turning it off forgets everything, as power-on does; the way into x2APIC keeps all but the
    // ICR.
    if (to == 0 && from != 0) reset_registers();
    if (to == kModeMask && from != to) state_.icr_low = state_.icr_high = 0;
    update_external();
    update_deliverable();
    return true;
}

}  // namespace redoubt::vmmd
