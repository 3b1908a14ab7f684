// This processor's timer: the stimecmp CSR (Sstc), else the firmware's; and the goldfish clock.
#include "arch/timer.hpp"

#include "arch/cpu.hpp"
#include "arch/csr.hpp"
#include "arch/machine.hpp"
#include "kernel/panic.hpp"

namespace redoubt::kernel {
namespace {

constinit std::uint64_t real_time_at_zero = 0;

/// Nanoseconds since 1970; reading the low half latches the high one.
std::uint64_t read_real_time_clock() {
    const PhysicalAddress clock = machine().real_time_clock;
    if (clock.value() == 0) return 0;
    const auto* registers = direct_map<const volatile std::uint32_t>(clock);
    const std::uint64_t low = registers[0];
    return std::uint64_t{registers[1]} << 32 | low;
}

}  // namespace

void timer_initialize() {
    constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
    if (machine().timebase_frequency == 0)
        panic("the device tree does not tell the timebase frequency");
    real_time_at_zero =
        read_real_time_clock() / kNanosecondsPerSecond - ticks_now() / ticks_per_second();
}

std::uint64_t ticks_per_second() { return machine().timebase_frequency; }
std::uint64_t boot_real_time() { return real_time_at_zero; }

void arm_timer(std::uint64_t deadline) {
    PerCpu& cpu = this_cpu();
    if (cpu.armed_deadline == deadline) return;
    cpu.armed_deadline = deadline;
    if (features().sstc) {
        REDOUBT_WRITE_CSR("0x14D", deadline);  // stimecmp, which this assembler does not know
    } else {
        sbi_call(kSbiTimer, 0, deadline);
    }
}

}  // namespace redoubt::kernel
