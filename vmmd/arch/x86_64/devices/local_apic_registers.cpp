// The local APIC's registers, once for the xAPIC page and the x2APIC MSRs.
#include "vmmd/arch/x86_64/devices/local_apic_registers.hpp"

#include <utility>

#include "vmmd/arch/x86_64/devices/local_apic.hpp"

namespace redoubt::vmmd {

using namespace local_apic;

namespace {

/// Writable bits of each LVT entry (11.5.1): vector, mask, and what that source has besides.
constexpr std::uint32_t kLvtWritable[] = {
    0x700FF,  // timer: mode
    0x107FF,  // thermal: delivery mode
    0x107FF,  // performance counters: delivery mode
    0x1A7FF,  // LINT0: delivery mode, polarity, trigger mode
    0x1A7FF,  // LINT1
    0x100FF,  // error
};
/// Not reserved, but ignored when written: delivery status, and the remote IRR of the pins. Linux
/// writes ones when it powers the machine off.
constexpr std::uint32_t kLvtReadOnly[] = {0x1000, 0x1000, 0x1000, 0x5000, 0x5000, 0x1000};

constexpr std::uint32_t kCommandWritable = 0x000CCFFF;  // 11.6.1, without delivery status

/// Registers that exist in x2APIC mode but only for one direction (11.12.1.2, table 11-6).
constexpr bool read_only(unsigned index) {
    return index == kId || index == kVersion || index == kProcessorPriority ||
           index == kLogicalDestination || (index >= kInService && index < kErrorStatus) ||
           index == kCurrentCount;
}

constexpr bool write_only(unsigned index) { return index == kEndOfInterrupt || index == kSelfIpi; }

/// What x2APIC mode took away.
constexpr bool only_xapic(unsigned index) {
    return index == kArbitrationPriority || index == kRemoteRead || index == kDestinationFormat ||
           index == kCommandHigh;
}

}  // namespace

void LocalApic::read(std::uint64_t offset, std::span<std::uint8_t> data) {
    std::uint64_t value = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto index = static_cast<unsigned>((offset & 0xFFF) >> 4);
        // Bytes 4..15 of each register's 16 are reserved.
        if ((offset & 0xF) < 4) value = read_register(index).value_or(0) >> (8 * (offset & 3));
    }
    store_little_endian(data, value & 0xFFFFFFFF);
}

void LocalApic::write(std::uint64_t offset, std::span<const std::uint8_t> data) {
    if ((offset & 0xF) != 0 || data.size() < 4) return;
    Deferred deferred;
    {
        const std::lock_guard lock(mutex_);
        const auto value = static_cast<std::uint32_t>(load_little_endian(data.first(4)));
        write_register(static_cast<unsigned>((offset & 0xFFF) >> 4), value, deferred);
    }
    perform(deferred);
}

std::optional<std::uint64_t> LocalApic::read_msr(std::uint32_t number) {
    const std::lock_guard lock(mutex_);
    if (number == kMsrApicBase) return base_;
    if (number == kMsrTscDeadline) {
        return timer_mode() == TimerMode::TscDeadline ? state_.tsc_deadline : 0;
    }
    if (number < kMsrX2ApicFirst || number > kMsrX2ApicLast || !x2apic()) return std::nullopt;
    const auto index = number - kMsrX2ApicFirst;
    if (only_xapic(index) || write_only(index)) return std::nullopt;
    if (index == kCommandLow) {
        return static_cast<std::uint64_t>(state_.icr_high) << 32 | state_.icr_low;
    }
    return read_register(index);
}

bool LocalApic::write_msr(std::uint32_t number, std::uint64_t value) {
    Deferred deferred;
    {
        const std::lock_guard lock(mutex_);
        if (number == kMsrApicBase) return write_base(value);
        if (number == kMsrTscDeadline) {
            write_tsc_deadline(value);
            return true;
        }
        if (number < kMsrX2ApicFirst || number > kMsrX2ApicLast || !x2apic()) return false;
        const auto index = number - kMsrX2ApicFirst;
        if (only_xapic(index) || read_only(index)) return false;
        // Every register but the ICR has 32 bits; reserved bits must be zero (11.12.1.3).
        if (index != kCommandLow && value >> 32 != 0) return false;
        const auto low = static_cast<std::uint32_t>(value);
        if (index == kTaskPriority && low > 0xFF) return false;
        if ((index == kEndOfInterrupt || index == kErrorStatus) && low != 0) return false;
        if (index == kSelfIpi && low > 0xFF) return false;
        if (index == kSpurious && (low & ~kSpuriousWritable) != 0) return false;
        if (index == kDivideConfiguration && (low & ~0xBU) != 0) return false;
        if (index == kCommandLow && (low & ~kCommandWritable) != 0) return false;
        if (index >= kFirstLvt && index <= kLastLvt &&
            (low & ~kLvtWritable[index - kFirstLvt] & ~kLvtReadOnly[index - kFirstLvt]) != 0) {
            return false;
        }
        if (!write_register(index, value, deferred)) return false;
    }
    perform(deferred);
    return true;
}

std::optional<std::uint64_t> LocalApic::read_register(unsigned index) {
    if (index >= kInService && index < kTriggerMode) return state_.isr.word(index - kInService);
    if (index >= kTriggerMode && index < kRequest) return state_.tmr.word(index - kTriggerMode);
    if (index >= kRequest && index < kErrorStatus) return state_.irr.word(index - kRequest);
    if (index >= kFirstLvt && index <= kLastLvt) return state_.lvt[index - kFirstLvt];
    switch (index) {
        case kId:
            return x2apic() ? id_ : id_ << 24;
        case kVersion:
            return kVersionValue;
        case kTaskPriority:
            return tpr_.load(std::memory_order_relaxed);
        case kArbitrationPriority:
        case kProcessorPriority:
            return current_priority();
        case kEndOfInterrupt:
        case kRemoteRead:
            return 0;
        case kLogicalDestination:
            return x2apic() ? x2apic_logical_id(id_) : state_.logical_destination;
        case kDestinationFormat:
            return state_.destination_format;
        case kSpurious:
            return state_.spurious;
        case kErrorStatus:
            return state_.error_status;
        case kCommandLow:
            return state_.icr_low;
        case kCommandHigh:
            return state_.icr_high;
        case kInitialCount:
            return timer_mode() == TimerMode::TscDeadline ? 0 : state_.initial_count;
        case kCurrentCount:
            return current_count();
        case kDivideConfiguration:
            return state_.divide_configuration;
        default:
            if (!x2apic()) report_error(kErrorIllegalRegister);
            return std::nullopt;
    }
}

bool LocalApic::write_register(unsigned index, std::uint64_t value, Deferred& deferred) {
    const auto low = static_cast<std::uint32_t>(value);
    if (index >= kFirstLvt && index <= kLastLvt) {
        write_lvt(static_cast<Lvt>(index - kFirstLvt), low);
        return true;
    }
    switch (index) {
        case kTaskPriority:
            tpr_ = low & 0xFF;
            update_deliverable();
            return true;
        case kEndOfInterrupt:
            deferred.end_of_interrupt = end_of_interrupt();
            return true;
        case kLogicalDestination:
            state_.logical_destination = low & 0xFF000000;
            return true;
        case kDestinationFormat:
            state_.destination_format = low | 0x0FFFFFFF;
            return true;
        case kSpurious:
            state_.spurious = low & kSpuriousWritable;
            // 11.4.7.2: while it is disabled by software every LVT entry is masked.
            if ((low & kSpuriousEnable) == 0) {
                for (auto& entry : state_.lvt) entry |= kLvtMasked;
                update_external();
            }
            update_deliverable();
            return true;
        case kErrorStatus:
            // 11.5.3: a write makes what has come together since the last one readable.
            state_.error_status = std::exchange(state_.errors, 0);
            return true;
        case kCommandLow:
            write_command(
                x2apic() ? value : static_cast<std::uint64_t>(state_.icr_high) << 32 | low,
                deferred);
            return true;
        case kCommandHigh:
            state_.icr_high = low & 0xFF000000;
            return true;
        case kInitialCount:
            if (timer_mode() != TimerMode::TscDeadline) {
                state_.initial_count = low;
                start_count(low);
            }
            return true;
        case kDivideConfiguration:
            write_divide_configuration(low);
            return true;
        case kSelfIpi:
            if (!x2apic()) break;
            accept(low & 0xFF, false);
            return true;
        default:
            if (!x2apic() && read_only(index)) return true;
            break;
    }
    if (!x2apic()) report_error(kErrorIllegalRegister);
    return false;
}

void LocalApic::write_lvt(Lvt entry, std::uint32_t value) {
    const auto old_mode = timer_mode();
    const auto count = current_count();
    value &= kLvtWritable[entry];
    if ((state_.spurious & kSpuriousEnable) == 0) value |= kLvtMasked;
    state_.lvt[entry] = value;
    if (entry == kLint0) update_external();
    if (entry != kTimer) return;

    const auto mode = timer_mode();
    if (mode == old_mode) return;
    // 11.5.4.1: going to or from TSC-deadline mode disarms the timer; between the other two the
    // count goes on, and only what happens at zero changes.
    if (mode == TimerMode::TscDeadline || old_mode == TimerMode::TscDeadline) {
        state_.tsc_deadline = 0;
        state_.initial_count = 0;
        start_count(0);
    } else {
        start_count(count);
    }
}

void LocalApic::write_command(std::uint64_t command, Deferred& deferred) {
    constexpr std::uint64_t kAssert = 1ULL << 14;
    constexpr std::uint64_t kLevel = 1ULL << 15;
    state_.icr_low = static_cast<std::uint32_t>(command) & kCommandWritable;
    state_.icr_high = static_cast<std::uint32_t>(command >> 32);

    InterruptMessage message;
    message.vector = static_cast<std::uint8_t>(command);
    message.mode = delivery_mode(command);
    message.logical = (command >> 11 & 1) != 0;
    message.shorthand = static_cast<Shorthand>(command >> 18 & 3);
    message.wide_destination = x2apic();
    message.destination = x2apic() ? state_.icr_high : state_.icr_high >> 24;
    message.source = id_;
    // INIT level de-assert only sets arbitration IDs, on processors that had any.
    if (message.mode == DeliveryMode::Init && (command & kLevel) != 0 && (command & kAssert) == 0)
        return;
    const bool fixed =
        message.mode == DeliveryMode::Fixed || message.mode == DeliveryMode::LowestPriority;
    if (fixed && message.vector < 16) {
        report_error(kErrorSentIllegalVector);
        return;
    }
    if (fixed && message.shorthand == Shorthand::Self) {
        if (software_enabled()) accept(message.vector, false);
        return;
    }
    deferred.send = message;
}

void LocalApic::perform(const Deferred& deferred) {
    if (deferred.end_of_interrupt && wiring_.end_of_interrupt) {
        wiring_.end_of_interrupt(*deferred.end_of_interrupt);
    }
    if (deferred.send && wiring_.send) wiring_.send(*deferred.send);
}

}  // namespace redoubt::vmmd
