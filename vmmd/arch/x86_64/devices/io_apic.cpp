// The I/O APIC's registers, edges and levels, and the remote IRR.
#include "vmmd/arch/x86_64/devices/io_apic.hpp"

#include <utility>

namespace redoubt::vmmd {

namespace {

// Memory-mapped registers (82093AA 3.1).
constexpr std::uint64_t kSelect = 0x00;
constexpr std::uint64_t kWindow = 0x10;
constexpr std::uint64_t kEndOfInterrupt = 0x40;

// Indirect registers (3.2).
constexpr std::uint8_t kId = 0x00;
constexpr std::uint8_t kVersion = 0x01;
constexpr std::uint8_t kArbitration = 0x02;
constexpr std::uint8_t kFirstEntry = 0x10;
/// Version 0x20 has the EOI register, and Linux uses it.
constexpr std::uint32_t kVersionValue = 0x20 | (IoApic::kInputs - 1) << 16;

// Redirection entry (3.2.4).
constexpr std::uint64_t kLogical = 1ULL << 11;
constexpr std::uint64_t kRemoteIrr = 1ULL << 14;
constexpr std::uint64_t kLevel = 1ULL << 15;
constexpr std::uint64_t kMasked = 1ULL << 16;
constexpr std::uint64_t kWritable = 0xFF00'0000'0001'AFFF;  // not delivery status and remote IRR

constexpr bool masked(std::uint64_t entry) { return (entry & kMasked) != 0; }
constexpr bool level_triggered(std::uint64_t entry) { return (entry & kLevel) != 0; }

}  // namespace

IoApic::IoApic(std::function<void(const InterruptMessage&)> send) : send_(std::move(send)) {
    inputs_.reserve(kInputs);
    for (unsigned pin = 0; pin < kInputs; ++pin) inputs_.emplace_back(*this, pin);
    reset();
}

void IoApic::reset() {
    const std::lock_guard lock(mutex_);
    // The wires keep their levels.
    selected_ = id_ = 0;
    entries_.fill(kMasked);
}

void IoApic::set_line(unsigned pin, bool level) {
    const std::lock_guard lock(mutex_);
    const auto bit = 1U << pin;
    const bool before = (lines_ & bit) != 0;
    if (level == before) return;
    lines_ ^= bit;
    if (!level) return;
    if (level_triggered(entries_[pin])) {
        service_level(pin);
    } else if (!masked(entries_[pin])) {
        // An edge on a masked input is lost (3.2.4, "Interrupt Mask").
        deliver(pin);
    }
}

void IoApic::service_level(unsigned pin) {
    auto& entry = entries_[pin];
    const bool asserted = (lines_ >> pin & 1) != 0;
    if (!asserted || masked(entry) || (entry & kRemoteIrr) != 0) return;
    entry |= kRemoteIrr;
    deliver(pin);
}

void IoApic::deliver(unsigned pin) {
    const auto entry = entries_[pin];
    InterruptMessage message;
    message.vector = static_cast<std::uint8_t>(entry);
    message.mode = static_cast<DeliveryMode>(entry >> 8 & 7);
    message.logical = (entry & kLogical) != 0;
    message.level = level_triggered(entry);
    message.destination = static_cast<std::uint32_t>(entry >> 56);
    send_(message);
}

void IoApic::end_of_interrupt(std::uint8_t vector) {
    const std::lock_guard lock(mutex_);
    end_of_interrupt_locked(vector);
}

void IoApic::end_of_interrupt_locked(std::uint8_t vector) {
    for (unsigned pin = 0; pin < kInputs; ++pin) {
        auto& entry = entries_[pin];
        if (static_cast<std::uint8_t>(entry) != vector || !level_triggered(entry)) continue;
        entry &= ~kRemoteIrr;
        service_level(pin);
    }
}

std::uint32_t IoApic::read_register() const {
    switch (selected_) {
        case kId:
        case kArbitration:
            return static_cast<std::uint32_t>(id_) << 24;
        case kVersion:
            return kVersionValue;
        default:
            break;
    }
    const unsigned pin = (selected_ - kFirstEntry) / 2U;
    if (selected_ < kFirstEntry || pin >= kInputs) return 0;
    return static_cast<std::uint32_t>(entries_[pin] >> (selected_ % 2 != 0 ? 32 : 0));
}

void IoApic::write_register(std::uint32_t value) {
    if (selected_ == kId) {
        id_ = value >> 24 & 0xF;
        return;
    }
    const unsigned pin = (selected_ - kFirstEntry) / 2U;
    if (selected_ < kFirstEntry || pin >= kInputs) return;
    auto& entry = entries_[pin];
    const bool high = selected_ % 2 != 0;
    const auto written = high ? kWritable & 0xFFFFFFFF'00000000 : kWritable & 0xFFFFFFFF;
    entry = (entry & ~written) | (static_cast<std::uint64_t>(value) << (high ? 32 : 0) & written);
    // An edge entry has no remote IRR: switching to edge and back is how a system clears one by
    // force.
    if (!level_triggered(entry)) entry &= ~kRemoteIrr;
    if (level_triggered(entry)) service_level(pin);
}

void IoApic::read(std::uint64_t offset, std::span<std::uint8_t> data) {
    const std::lock_guard lock(mutex_);
    // Registers are 32 bits at multiples of 16; the bytes between read as zero.
    std::uint64_t value = 0;
    if ((offset & ~3ULL) == kSelect) value = selected_;
    if ((offset & ~3ULL) == kWindow) value = read_register();
    store_little_endian(data, value >> (8 * (offset & 3)));
}

void IoApic::write(std::uint64_t offset, std::span<const std::uint8_t> data) {
    const std::lock_guard lock(mutex_);
    const auto value = static_cast<std::uint32_t>(load_little_endian(data));
    switch (offset) {
        case kSelect:
            selected_ = static_cast<std::uint8_t>(value);
            break;
        case kWindow:
            if (data.size() >= 4) write_register(value);
            break;
        case kEndOfInterrupt:
            end_of_interrupt_locked(static_cast<std::uint8_t>(value));
            break;
        default:
            break;
    }
}

}  // namespace redoubt::vmmd
