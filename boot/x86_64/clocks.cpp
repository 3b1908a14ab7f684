// Calibration of the tick counter and the local APIC's timer against a clock of known frequency.
#include "boot/x86_64/clocks.hpp"

#include "arch/msr.hpp"
#include "arch/port.hpp"
#include "arch/timer.hpp"

namespace redoubt::boot {
namespace {

using kernel::port_in32, kernel::port_in8, kernel::port_out8, kernel::ticks_now;

/// The local APIC in the mode the firmware has left it in (APM vol. 2, 16.3 and 16.9).
class LocalApic {
  public:
    LocalApic() {
        constexpr std::uint64_t kEnable = 1 << 11, kX2Apic = 1 << 10, kAddress = 0xF'FFFF'FFFF'F000;
        const std::uint64_t base = kernel::read_msr(kernel::kMsrApicBase) | kEnable;
        kernel::write_msr(kernel::kMsrApicBase, base);
        if ((base & kX2Apic) == 0)
            registers_ =
                kernel::direct_map<volatile std::uint32_t>(PhysicalAddress{base & kAddress});
    }

    void start_timer(std::uint32_t count) {
        constexpr std::uint32_t kSpuriousVector = 0xF0, kTimer = 0x320, kDivide = 0x3E0;
        constexpr std::uint32_t kSoftwareEnable = 1 << 8, kMasked = 1 << 16, kDivideByOne = 0xB;
        write(kSpuriousVector, kSoftwareEnable | 0xFF);
        write(kTimer, kMasked);
        write(kDivide, kDivideByOne);
        write(kInitialCount, count);
    }
    std::uint32_t timer_count() const {
        constexpr std::uint32_t kCurrentCount = 0x390;
        if (registers_ != nullptr) return registers_[kCurrentCount / 4];
        return static_cast<std::uint32_t>(
            kernel::read_msr(kernel::kMsrX2ApicBase + (kCurrentCount >> 4)));
    }
    void stop_timer() { write(kInitialCount, 0); }

  private:
    static constexpr std::uint32_t kInitialCount = 0x380;

    void write(std::uint32_t offset, std::uint32_t value) {
        if (registers_ != nullptr) {
            registers_[offset / 4] = value;
        } else {
            kernel::write_msr(kernel::kMsrX2ApicBase + (offset >> 4), value);
        }
    }

    volatile std::uint32_t* registers_ = nullptr;
};

/// A counter of known frequency that counts up and wraps at its mask.
struct ReferenceClock {
    std::uint64_t (*read)();
    std::uint64_t frequency;
    std::uint64_t mask;
};

constinit volatile std::uint32_t* hpet_registers = nullptr;
constinit std::uint16_t pm_timer_port = 0;
std::uint64_t read_hpet() { return hpet_registers[0xF0 / 4]; }
std::uint64_t read_pm_timer() { return port_in32(pm_timer_port); }
/// Channel 2 of the PIT counts down from 65535 without interrupts.
std::uint64_t read_pit() {
    port_out8(0x43, 0x80);
    const std::uint32_t low = port_in8(0x42);
    return 0xFFFF - (low | std::uint32_t{port_in8(0x42)} << 8);
}

ReferenceClock choose_reference(const AcpiClocks& clocks) {
    if (clocks.hpet.value() != 0 && clocks.hpet < kMappedEnd) {
        hpet_registers = kernel::direct_map<volatile std::uint32_t>(clocks.hpet);
        const std::uint64_t femtoseconds = hpet_registers[1];
        if (femtoseconds != 0 && femtoseconds <= 100'000'000) {
            hpet_registers[0x10 / 4] = hpet_registers[0x10 / 4] | 1;
            return {read_hpet, 1'000'000'000'000'000 / femtoseconds, 0xFFFF'FFFF};
        }
    }
    pm_timer_port = clocks.pm_timer_port;
    if (pm_timer_port != 0) {
        return {read_pm_timer, 3'579'545, clocks.pm_timer_32_bits ? 0xFFFF'FFFFU : 0xFF'FFFFU};
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
Sample take_sample(const ReferenceClock& clock, const LocalApic& apic) {
    constexpr unsigned kAttempts = 8;
    Sample best{};
    std::uint64_t best_span = ~0ULL;
    for (unsigned i = 0; i < kAttempts; ++i) {
        const std::uint64_t before = ticks_now();
        const std::uint64_t reference = clock.read();
        const std::uint64_t after = ticks_now();
        const std::uint32_t count = apic.timer_count();
        if (after - before < best_span) {
            best_span = after - before;
            best = {before + best_span / 2, reference, count};
        }
    }
    return best;
}

}  // namespace

void read_clocks(BootInformation& information, const AcpiClocks& clocks) {
    constexpr std::uint64_t kPerSecond = 200;  // measures for 5 ms
    const ReferenceClock clock = choose_reference(clocks);
    LocalApic apic;
    apic.start_timer(0xFFFF'FFFF);
    const Sample first = take_sample(clock, apic);
    while (((clock.read() - first.reference) & clock.mask) < clock.frequency / kPerSecond)
        asm volatile("pause");
    const Sample last = take_sample(clock, apic);
    apic.stop_timer();
    const std::uint64_t ticks = last.ticks - first.ticks;
    information.ticks_per_second =
        ticks * clock.frequency / ((last.reference - first.reference) & clock.mask);
    information.hardware.apic_counts_per_tick =
        (std::uint64_t{first.apic_count - last.apic_count} << 32) / ticks;
    information.real_time = read_real_time_clock(clocks.rtc_century_register) -
                            ticks_now() / information.ticks_per_second;
}

}  // namespace redoubt::boot
