// What ACPI's static tables tell.
#pragma once

#include "boot/x86_64/protocols.hpp"

namespace redoubt::boot {

/// What the loader itself reads clocks with; 0 is what there is not.
struct AcpiClocks {
    PhysicalAddress hpet;
    std::uint16_t pm_timer_port;
    bool pm_timer_32_bits;
    std::uint8_t rtc_century_register;
};

/// Reads the tables below 4 GiB; fills `hardware` and `machine`.
AcpiClocks read_acpi(BootInformation& information, RootPointer root);

}  // namespace redoubt::boot
