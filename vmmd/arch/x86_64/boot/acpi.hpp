// The ACPI tables of a guest (ACPI 6.4 chapter 5): RSDP, XSDT, FADT, FACS, MADT, DSDT.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "libhvcall/guest_memory.hpp"

namespace redoubt::vmmd {

/// Where the chipset's ACPI registers are; the numbers of vmmd/arch/x86_64/devices/acpi_pm.hpp.
struct AcpiHardware {
    std::uint16_t pm1_event_port = 0x600;
    std::uint16_t pm1_control_port = 0x604;
    std::uint16_t pm_timer_port = 0x608;
    std::uint16_t reset_port = 0xCF9;
    std::uint8_t reset_value = 0x06;
    std::uint8_t sleep_type_s5 = 5;
    std::uint8_t sci = 9;
    std::uint8_t io_apic_id = 0;
    std::uint32_t io_apic_address = 0xFEC0'0000;
    std::uint32_t local_apic_address = 0xFEE0'0000;
    std::uint32_t pci_memory_base = 0x8000'0000;  ///< where the guest's low memory ends
    unsigned vcpus = 1;
};

/// The tables as one block that begins with the RSDP and is meant for `address`.
std::vector<std::uint8_t> build_acpi_tables(const AcpiHardware& hardware, std::uint64_t address);

/// Puts them at kFirmwareTables and gives the RSDP's address.
std::expected<std::uint64_t, std::string> write_acpi_tables(const hvcall::GuestMemory& memory,
                                                            const AcpiHardware& hardware);

}  // namespace redoubt::vmmd
