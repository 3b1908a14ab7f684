// How fast the counters count, and what time it is.
#pragma once

#include "boot/x86_64/acpi.hpp"

namespace redoubt::boot {

/// Fills `ticks_per_second`, `real_time` and the APIC timer's rate.
void read_clocks(BootInformation& information, const AcpiClocks& clocks);

/// Seconds since 1970, of the battery-backed clock.
std::uint64_t read_real_time_clock(std::uint8_t century_register);

}  // namespace redoubt::boot
