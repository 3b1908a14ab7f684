// What the kernel wants from ACPI's static tables.
#pragma once

#include <cstdint>

#include "arch/boot.hpp"
#include "arch/cpu.hpp"

namespace redoubt::kernel {

struct AcpiIoApic {
    PhysicalAddress address;
    std::uint32_t first_gsi;
};

/// ISA interrupt `source` arrives at `gsi`. flags: MPS INTI, ACPI 6.4, table 5.26.
struct AcpiInterruptOverride {
    std::uint8_t source;
    std::uint32_t gsi;
    std::uint16_t flags;
};

struct AcpiInformation {
    BootList<std::uint32_t, kMaximumProcessors> processors;  ///< APIC IDs of the usable ones
    PhysicalAddress local_apic;
    BootList<AcpiIoApic, 16> io_apics;
    BootList<AcpiInterruptOverride, 16> overrides;
    PhysicalAddress hpet;         ///< 0 if there is none
    std::uint16_t pm_timer_port;  ///< 0 if there is none
    bool pm_timer_32_bits;
    std::uint8_t rtc_century_register;  ///< 0 if there is none
};

const AcpiInformation& acpi();
/// Reads the tables below 4 GiB, which must be mapped at the direct map; also fills the
/// power-related fields of `information`.
void acpi_initialize(BootInformation& information);

}  // namespace redoubt::kernel
