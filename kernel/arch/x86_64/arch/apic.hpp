// The local APIC, for the arch code.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

/// Enables the boot processor's local APIC (x2APIC if there is one) and silences the legacy PICs.
void apic_initialize();
void apic_end_of_interrupt();

/// The APIC timer as a one-shot counter at the bus clock.
void apic_timer_setup(bool tsc_deadline);
void apic_timer_start(std::uint32_t count);
std::uint32_t apic_timer_count();

/// Calibrates the clocks and prepares the local timer; needs the APIC.
void timer_initialize();
/// Finds the IOAPICs and masks all their lines.
void interrupt_initialize();
/// Reads the battery-backed clock: seconds since 1970.
std::uint64_t read_real_time_clock();

}  // namespace redoubt::kernel
