// The one-shot timer of this processor.
#include "arch/timer.hpp"

#include "arch/apic.hpp"
#include "arch/boot.hpp"
#include "arch/cpu.hpp"
#include "arch/msr.hpp"

namespace redoubt::kernel {
namespace {

bool deadline_mode = false;

}  // namespace

void timer_initialize() {
    deadline_mode = features().tsc_deadline;
    timer_initialize_processor();
}

void timer_initialize_processor() { apic_timer_setup(deadline_mode); }

std::uint64_t ticks_per_second() { return boot_information().ticks_per_second; }

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
    const auto counts =
        static_cast<unsigned __int128>(ticks) * boot_information().hardware.apic_counts_per_tick >>
        32;
    apic_timer_start(counts < 0xFFFF'FFFF ? static_cast<std::uint32_t>(counts) + 1 : 0xFFFF'FFFF);
}

}  // namespace redoubt::kernel
