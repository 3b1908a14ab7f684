// The 8254: modes, counting on demand from the clock, latches, and channel 0's interrupt.
#include "vmmd/arch/x86_64/devices/pit.hpp"

#include <algorithm>

namespace redoubt::vmmd {

namespace {

constexpr std::uint64_t kFirstChannelPort = 0x40;
constexpr std::uint64_t kControlPort = 0x43;
constexpr std::uint64_t kGatePort = 0x61;

constexpr std::uint8_t kPort61Gate2 = 1U << 0;
constexpr std::uint8_t kPort61Writable = 0x0F;
constexpr std::uint8_t kPort61Refresh = 1U << 4;
constexpr std::uint8_t kPort61Output2 = 1U << 5;
/// The refresh bit toggles with channel 1's traditional divisor of 18.
constexpr std::uint64_t kRefreshTicks = 18;

constexpr std::uint32_t from_bcd(std::uint16_t raw) {
    return (raw >> 12) * 1000U + (raw >> 8 & 0xF) * 100U + (raw >> 4 & 0xF) * 10U + (raw & 0xF);
}

constexpr std::uint16_t to_bcd(std::uint32_t value) {
    return static_cast<std::uint16_t>((value / 1000 % 10) << 12 | (value / 100 % 10) << 8 |
                                      (value / 10 % 10) << 4 | value % 10);
}

}  // namespace

Pit::Pit(TimerQueue& timers, InterruptLine& output)
    : clock_(timers.clock()), output_(output), timer_(timers, [this] { timer_expired(); }) {
    reset();
}

void Pit::reset() {
    const std::lock_guard lock(mutex_);
    // The 8254 has no reset pin; a control word in mode 0 with no count is what counts as quiet.
    channels_ = {};
    channels_[2].gate = false;
    port61_ = 0;
    update_output(now());
}

Pit::Ticks Pit::now() const {
    return multiply_divide(clock_.now().count, kFrequencyHz, kNanosecondsPerSecond);
}

void Pit::Channel::control(std::uint8_t word) {
    mode = word >> 1 & 7;
    if (mode > 5) mode -= 4;  // 6 and 7 are 2 and 3
    bcd = (word & 1) != 0;
    access = word >> 4 & 3;
    counting = triggered = false;
    high_byte_next_write = high_byte_next_read = false;
    paused.reset();
    next_count.reset();
    latched_count.reset();
    latched_status.reset();
}

void Pit::Channel::write(std::uint8_t value, Ticks now) {
    switch (access) {
        case 1:
            load(value, now);
            break;
        case 2:
            load(static_cast<std::uint16_t>(value << 8), now);
            break;
        default:
            if (!high_byte_next_write) {
                low_byte = value;
                // Mode 0: the first byte stops the counting and lowers OUT.
                if (mode == 0) counting = false;
            } else {
                load(static_cast<std::uint16_t>(value << 8 | low_byte), now);
            }
            high_byte_next_write = !high_byte_next_write;
            break;
    }
}

void Pit::Channel::load(std::uint16_t raw, Ticks now) {
    const std::uint32_t value = bcd ? from_bcd(raw) : raw;
    const std::uint32_t ticks = value != 0 ? value : bcd ? 10000 : 0x10000;
    // Modes 2 and 3 finish the current period first; 1 and 5 wait for the next trigger.
    if (periodic() && counting && gate) {
        next_count = ticks;
        return;
    }
    count = ticks;
    if ((mode == 1 || mode == 5) && counting) return;
    counting = true;
    started = now;
    paused.reset();
    if ((mode == 0 || mode == 4) && !gate) paused = 0;
}

void Pit::Channel::set_gate(bool level, Ticks now) {
    if (level == gate) return;
    if (mode == 0 || mode == 4) {
        if (!level && counting) paused = elapsed(now);
        if (level && paused) {
            started = now - *paused;
            paused.reset();
        }
    } else if (level) {  // a rising gate loads the count anew and, in 1 and 5, starts it
        if (next_count) count = *next_count;
        next_count.reset();
        started = now;
        triggered = true;
    }
    gate = level;
}

void Pit::Channel::advance(Ticks now) {
    if (!next_count || !periodic() || !counting || !gate) return;
    const auto passed = now - started;
    if (passed < count) return;
    // The count that was running ended its period when the new one was loaded; later periods are
    // new.
    started += count;
    count = *next_count;
    next_count.reset();
}

Pit::Ticks Pit::Channel::elapsed(Ticks now) const { return paused ? *paused : now - started; }

bool Pit::Channel::output(Ticks now) const {
    const auto passed = elapsed(now);
    switch (mode) {
        case 0:
            return counting && passed >= count;
        case 1:
            return !(counting && triggered && passed < count);
        case 2:  // low for the last tick of each period
            return !(counting && gate && passed % count == count - 1);
        case 3:  // high for the first half
            return !(counting && gate && passed % count >= (count + 1) / 2);
        default:  // 4, 5: low for one tick when the count has run out
            return !(counting && passed == count && (mode == 4 || triggered));
    }
}

std::uint16_t Pit::Channel::current(Ticks now) const {
    const std::uint32_t modulus = bcd ? 10000 : 0x10000;
    std::uint32_t value = 0;
    const auto passed = elapsed(now);
    if (!counting || (!gate && periodic()) || ((mode == 1 || mode == 5) && !triggered)) {
        value = count;
    } else if (mode == 2) {
        value = count - static_cast<std::uint32_t>(passed % count);
    } else if (mode == 3) {  // counts down by twos, twice per period
        value = count - static_cast<std::uint32_t>(2 * (passed % count) % count);
        value &= ~1U;
    } else {  // goes on below zero
        value =
            static_cast<std::uint32_t>((count % modulus + modulus - passed % modulus) % modulus);
    }
    value %= modulus;
    return bcd ? to_bcd(value) : static_cast<std::uint16_t>(value);
}

std::uint8_t Pit::Channel::status(Ticks now) const {
    const bool null_count = !counting || next_count.has_value();
    return static_cast<std::uint8_t>((output(now) ? 0x80 : 0) | (null_count ? 0x40 : 0) |
                                     access << 4 | mode << 1 | (bcd ? 1 : 0));
}

void Pit::Channel::latch_count(Ticks now) {
    // A second latch before the first was read is ignored.
    if (!latched_count) latched_count = current(now);
}

std::uint8_t Pit::Channel::read(Ticks now) {
    if (latched_status) {
        const auto value = *latched_status;
        latched_status.reset();
        return value;
    }
    const auto value = latched_count.value_or(current(now));
    const bool high = access == 2 || (access == 3 && high_byte_next_read);
    if (access == 3) high_byte_next_read = !high_byte_next_read;
    if (access != 3 || high) latched_count.reset();
    return static_cast<std::uint8_t>(high ? value >> 8 : value);
}

std::optional<Pit::Ticks> Pit::Channel::next_rise(Ticks now) const {
    if (!counting || paused) return std::nullopt;
    const auto passed = now - started;
    if (periodic()) {
        if (!gate) return std::nullopt;
        return now + count - passed % count;
    }
    if ((mode == 1 || mode == 5) && !triggered) return std::nullopt;
    // Modes 4 and 5 strobe for one tick, so OUT rises a tick later.
    const Ticks end = count + (mode == 4 || mode == 5 ? 1U : 0U);
    if (passed >= end) return std::nullopt;
    return started + end;
}

void Pit::read_back(std::uint8_t command, Ticks now) {
    for (unsigned i = 0; i < 3; ++i) {
        if ((command >> (i + 1) & 1) == 0) continue;
        auto& channel = channels_[i];
        if ((command & 0x20) == 0) channel.latch_count(now);
        if ((command & 0x10) == 0 && !channel.latched_status) {
            channel.latched_status = channel.status(now);
        }
    }
}

void Pit::update_output(Ticks now) {
    const auto& channel = channels_[0];
    output_.set(channel.output(now));
    next_rise_ = channel.next_rise(now);
    if (!next_rise_) {
        timer_.cancel();
        return;
    }
    // Rounded up, so that the tick has come when the timer expires.
    timer_.arm({multiply_divide(*next_rise_, kNanosecondsPerSecond, kFrequencyHz) + 1});
}

void Pit::timer_expired() {
    const std::lock_guard lock(mutex_);
    const auto now = this->now();
    if (!next_rise_ || now < *next_rise_) {
        update_output(now);
        return;
    }
    // OUT was low just before, however short that was: the 8259 has to see the edge.
    channels_[0].advance(now);
    output_.set(false);
    output_.set(true);
    update_output(now);
    timer_.arm(std::max(timer_.deadline(), clock_.now() + kShortestPeriod));
}

std::uint8_t Pit::read_byte(std::uint64_t port) {
    const std::lock_guard lock(mutex_);
    const auto now = this->now();
    for (auto& channel : channels_) channel.advance(now);
    if (port == kGatePort) {
        const bool refresh = now / kRefreshTicks % 2 != 0;
        return static_cast<std::uint8_t>(port61_ | (refresh ? kPort61Refresh : 0) |
                                         (channels_[2].output(now) ? kPort61Output2 : 0));
    }
    // The control word cannot be read: the bus floats.
    const bool channel = port >= kFirstChannelPort && port < kControlPort;
    return channel ? channels_[port - kFirstChannelPort].read(now) : 0xFF;
}

void Pit::write_byte(std::uint64_t port, std::uint8_t value) {
    const std::lock_guard lock(mutex_);
    const auto now = this->now();
    for (auto& channel : channels_) channel.advance(now);
    if (port == kGatePort) {
        port61_ = value & kPort61Writable;
        channels_[2].set_gate((value & kPort61Gate2) != 0, now);
        return;
    }
    if (port < kFirstChannelPort || port > kControlPort) return;
    auto target = static_cast<unsigned>(port - kFirstChannelPort);
    if (port != kControlPort) {
        channels_[target].write(value, now);
    } else if (value >> 6 == 3) {
        read_back(value, now);
        return;
    } else {
        target = value >> 6;
        if ((value >> 4 & 3) == 0) {
            channels_[target].latch_count(now);
            return;
        }
        channels_[target].control(value);
    }
    if (target == 0) update_output(now);
}

}  // namespace redoubt::vmmd
