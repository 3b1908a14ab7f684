// The local APIC's timer: one-shot, periodic and TSC-deadline. Intel SDM vol. 3A 11.5.4.
#include <algorithm>

#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/devices/local_apic_registers.hpp"

namespace redoubt::vmmd {

using namespace local_apic;

// The timer's input clock is 1 GHz, so one undivided tick is one nanosecond of the VM's clock.

LocalApic::TimerMode LocalApic::timer_mode() const {
    switch (state_.lvt[kTimer] >> kLvtTimerModeShift & 3) {
        case 1:
            return TimerMode::Periodic;
        case 2:
            return TimerMode::TscDeadline;
        default:  // 3 is reserved
            return TimerMode::OneShot;
    }
}

/// Bits 0, 1 and 3: 000 divides by 2 … 110 by 128, 111 by 1.
std::uint64_t LocalApic::divider() const {
    const auto bits = (state_.divide_configuration & 3) | (state_.divide_configuration >> 1 & 4);
    return 1ULL << ((bits + 1) & 7);
}

std::uint32_t LocalApic::current_count() const {
    if (timer_mode() == TimerMode::TscDeadline || state_.counted_from == 0) return 0;
    const auto now = timers_.clock().now();
    const auto ticks = now > state_.started ? (now - state_.started).count / divider() : 0;
    if (ticks < state_.counted_from) return state_.counted_from - static_cast<std::uint32_t>(ticks);
    if (timer_mode() == TimerMode::OneShot || state_.initial_count == 0) return 0;
    const auto into_period = (ticks - state_.counted_from) % state_.initial_count;
    return state_.initial_count - static_cast<std::uint32_t>(into_period);
}

void LocalApic::start_count(std::uint32_t count) {
    state_.counted_from = count;
    state_.started = timers_.clock().now();
    arm_timer();
}

void LocalApic::arm_timer() {
    if (timer_mode() == TimerMode::TscDeadline) {
        timer_.arm(state_.tsc_deadline == 0 ? kNever : tsc_.time_at({state_.tsc_deadline}));
    } else if (state_.counted_from == 0) {
        timer_.cancel();
    } else {
        timer_.arm(state_.started + Nanoseconds{state_.counted_from * divider()});
    }
}

void LocalApic::write_divide_configuration(std::uint32_t value) {
    // The count goes on from where it is, at the new rate.
    const auto count = current_count();
    state_.divide_configuration = value & 0xB;
    start_count(count);
}

void LocalApic::write_tsc_deadline(std::uint64_t value) {
    if (timer_mode() != TimerMode::TscDeadline) return;
    state_.tsc_deadline = value;
    arm_timer();
}

void LocalApic::tsc_changed() {
    const std::lock_guard lock(mutex_);
    if (timer_mode() == TimerMode::TscDeadline) arm_timer();
}

void LocalApic::timer_expired() {
    const std::lock_guard lock(mutex_);
    const auto now = timers_.clock().now();
    if (timer_mode() == TimerMode::TscDeadline) {
        // Armed anew since the queue decided to call: wait for that one.
        if (state_.tsc_deadline == 0 || tsc_.now().count < state_.tsc_deadline) {
            arm_timer();
            return;
        }
        state_.tsc_deadline = 0;
        raise_lvt(kTimer);
        return;
    }
    const auto due = state_.started + Nanoseconds{state_.counted_from * divider()};
    if (state_.counted_from == 0 || now < due) {
        arm_timer();
        return;
    }
    if (timer_mode() == TimerMode::Periodic && state_.initial_count != 0) {
        // Periods that passed unseen are lost, as ticks are while an interrupt is still in the IRR.
        const auto period = state_.initial_count * divider();
        const auto missed = (now - due).count / period;
        state_.started = due + Nanoseconds{missed * period};
        state_.counted_from = state_.initial_count;
        timer_.arm(std::max(state_.started + Nanoseconds{period}, now + kShortestPeriod));
    } else {
        state_.counted_from = 0;
    }
    raise_lvt(kTimer);
}

}  // namespace redoubt::vmmd
