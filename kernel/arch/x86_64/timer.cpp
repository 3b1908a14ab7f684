// Calibration of the tick counter against a clock of known frequency, and the one-shot timer.
#include "arch/timer.hpp"

#include "arch/acpi.hpp"
#include "arch/apic.hpp"
#include "arch/cpu.hpp"
#include "arch/msr.hpp"
#include "arch/paging.hpp"
#include "arch/port.hpp"

namespace redoubt::kernel {
namespace {

std::uint64_t frequency = 0;
std::uint64_t real_time_at_zero = 0;
/// APIC timer counts per tick, as a fraction of 2^32.
std::uint64_t counts_per_tick = 0;
bool deadline_mode = false;

/// A counter of known frequency that counts up and wraps at its mask.
struct ReferenceClock {
    std::uint64_t (*read)();
    std::uint64_t frequency;
    std::uint64_t mask;
};

volatile std::uint32_t* hpet_registers = nullptr;
std::uint64_t read_hpet() { return hpet_registers[0xF0 / 4]; }
std::uint64_t read_pm_timer() { return port_in32(acpi().pm_timer_port); }
/// Channel 2 of the PIT counts down from 65535 without interrupts.
std::uint64_t read_pit() {
    port_out8(0x43, 0x80);
    const std::uint32_t low = port_in8(0x42);
    return 0xFFFF - (low | std::uint32_t{port_in8(0x42)} << 8);
}

ReferenceClock choose_reference() {
    if (acpi().hpet.value() != 0) {
        hpet_registers = static_cast<volatile std::uint32_t*>(map_device_page(acpi().hpet));
        const std::uint64_t femtoseconds = hpet_registers[1];
        if (femtoseconds != 0 && femtoseconds <= 100'000'000) {
            hpet_registers[0x10 / 4] = hpet_registers[0x10 / 4] | 1;
            return {read_hpet, 1'000'000'000'000'000 / femtoseconds, 0xFFFF'FFFF};
        }
    }
    if (acpi().pm_timer_port != 0) {
        return {read_pm_timer, 3'579'545, acpi().pm_timer_32_bits ? 0xFFFF'FFFFU : 0xFF'FFFFU};
    }
    port_out8(0x61, (port_in8(0x61) & ~2U) | 1);  // gate on, speaker off
    port_out8(0x43, 0xB0);                        // channel 2, both bytes, mode 0
    port_out8(0x42, 0xFF);
    port_out8(0x42, 0xFF);
    return {read_pit, 1'193'182, 0xFFFF};
}

struct Sample {
    std::uint64_t ticks, reference;
    std::uint32_t apic_count;
};

/// All clocks at nearly the same moment: the quickest of several attempts.
Sample take_sample(const ReferenceClock& clock) {
    constexpr unsigned kAttempts = 8;
    Sample best{};
    std::uint64_t best_span = ~0ULL;
    for (unsigned i = 0; i < kAttempts; ++i) {
        const std::uint64_t before = ticks_now();
        const std::uint64_t reference = clock.read();
        const std::uint64_t after = ticks_now();
        const std::uint32_t count = apic_timer_count();
        if (after - before < best_span) {
            best_span = after - before;
            best = {before + best_span / 2, reference, count};
        }
    }
    return best;
}

void calibrate() {
    constexpr std::uint64_t kPerSecond = 200;  // measures for 5 ms
    const ReferenceClock clock = choose_reference();
    apic_timer_start(0xFFFF'FFFF);
    const Sample first = take_sample(clock);
    while (((clock.read() - first.reference) & clock.mask) < clock.frequency / kPerSecond)
        asm volatile("pause");
    const Sample last = take_sample(clock);
    apic_timer_start(0);
    const std::uint64_t ticks = last.ticks - first.ticks;
    frequency = ticks * clock.frequency / ((last.reference - first.reference) & clock.mask);
    counts_per_tick = (std::uint64_t{first.apic_count - last.apic_count} << 32) / ticks;
}

}  // namespace

void timer_initialize() {
    apic_timer_setup(false);
    calibrate();
    deadline_mode = features().tsc_deadline;
    timer_initialize_processor();
    real_time_at_zero = read_real_time_clock() - ticks_now() / frequency;
}

void timer_initialize_processor() { apic_timer_setup(deadline_mode); }

std::uint64_t ticks_per_second() { return frequency; }
std::uint64_t boot_real_time() { return real_time_at_zero; }

void arm_timer(std::uint64_t deadline) {
    PerCpu& cpu = this_cpu();
    if (cpu.armed_deadline == deadline) return;
    cpu.armed_deadline = deadline;
    if (deadline_mode) {
        // Zero disarms; a deadline that has passed fires at once.
        return write_msr(kMsrTscDeadline, deadline == abi::kNever ? 0 : deadline);
    }
    if (deadline == abi::kNever) return apic_timer_start(0);
    const std::uint64_t now = ticks_now();
    const std::uint64_t ticks = deadline > now ? deadline - now : 0;
    const auto counts = static_cast<unsigned __int128>(ticks) * counts_per_tick >> 32;
    apic_timer_start(counts < 0xFFFF'FFFF ? static_cast<std::uint32_t>(counts) + 1 : 0xFFFF'FFFF);
}

}  // namespace redoubt::kernel
