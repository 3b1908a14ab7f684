// ACPI tables.
#include "vmmd/arch/x86_64/boot/acpi.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string_view>

#include "arch/memory_layout.hpp"
#include "vmmd/arch/x86_64/boot/aml.hpp"

namespace redoubt::vmmd {

namespace {

using Bytes = std::vector<std::uint8_t>;

/// Bytes that grow at their end, little-endian.
class Table {
  public:
    /// The header common to all tables but RSDP and FACS; length and checksum come with finish().
    Table(std::string_view signature, std::uint8_t revision) {
        text(signature).u32(0).u8(revision).u8(0).text("REDOUB").text("REDOUBT ").u32(1);
        text("RDBT").u32(1);
    }

    Table& u8(unsigned value) { return number(value, 1); }
    Table& u16(unsigned value) { return number(value, 2); }
    Table& u32(std::uint64_t value) { return number(value, 4); }
    Table& u64(std::uint64_t value) { return number(value, 8); }
    Table& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    Table& text(std::string_view text) {
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        return *this;
    }
    Table& append(const Bytes& bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    /// A generic address structure for I/O ports; port 0: none. `size` in bits.
    Table& port(unsigned address, unsigned bits) {
        if (address == 0) return zeros(12);
        const unsigned access = bits == 8 ? 1 : bits == 16 ? 2 : 3;
        return u8(1).u8(bits).u8(0).u8(access).u64(address);
    }

    Bytes finish() {
        const auto size = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data() + 4, &size, 4);
        bytes_[9] = static_cast<std::uint8_t>(
            -std::accumulate(bytes_.begin(), bytes_.end(), std::uint8_t{0}));
        return std::move(bytes_);
    }

  private:
    Table& number(std::uint64_t value, unsigned size) {
        for (unsigned i = 0; i < size; ++i) {
            bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        }
        return *this;
    }

    Bytes bytes_;
};

Bytes build_dsdt(const AcpiHardware& hardware) {
    using namespace aml;
    const auto sleep = integer(hardware.sleep_type_s5);
    const auto s5 = name("\\_S5_", package({sleep, sleep, integer(0), integer(0)}));
    const auto serial = device("COM1", name("_HID", eisa_id("PNP0501")) + name("_UID", integer(1)) +
                                           name("_CRS", resources(io_ports(0x3F8, 8) + irq(4))));
    const auto clock = device("RTC_", name("_HID", eisa_id("PNP0B00")) +
                                          name("_CRS", resources(io_ports(0x70, 2) + irq(8))));
    const auto timer = device("TIMR", name("_HID", eisa_id("PNP0100")) +
                                          name("_CRS", resources(io_ports(0x40, 4) + irq(0))));
    // The root of an empty bus 0, without which Linux reports that it found no PCI.
    const auto windows = bus_window(0, 0) + io_ports(0xCF8, 8) + io_window(0, 0xCF7) +
                         io_window(0xD00, 0xFFFF) +
                         memory_window(hardware.pci_memory_base, hardware.io_apic_address - 1);
    const auto pci =
        device("PCI0", name("_HID", eisa_id("PNP0A03")) + name("_UID", integer(0)) +
                           name("_BBN", integer(0)) + name("_CRS", resources(windows)));
    return Table("DSDT", 2).append(s5 + scope("\\_SB_", serial + clock + timer + pci)).finish();
}

// Section 5.2.9. No SMM, hence ACPI mode is always on and SMI_CMD is 0.
Bytes build_fadt(const AcpiHardware& hardware, std::uint64_t facs, std::uint64_t dsdt) {
    constexpr std::uint32_t kWbinvd = 1U << 0;
    constexpr std::uint32_t kC1Supported = 1U << 2;
    constexpr std::uint32_t kNoSleepButton = 1U << 5;
    constexpr std::uint32_t kTimerIs32Bit = 1U << 8;
    constexpr std::uint32_t kResetRegister = 1U << 10;
    // Legacy devices; no VGA; no 8042 to probe for a keyboard (its reset line works all the same).
    constexpr std::uint16_t kBootArchitecture = 1U << 0 | 1U << 2;

    Table table("FACP", 6);
    table.u32(facs).u32(dsdt).u8(0).u8(0).u16(hardware.sci);
    table.u32(0).u8(0).u8(0).u8(0).u8(0);  // SMI_CMD, ACPI_ENABLE, ACPI_DISABLE, S4BIOS, PSTATE
    table.u32(hardware.pm1_event_port).u32(0).u32(hardware.pm1_control_port).u32(0);
    table.u32(0).u32(hardware.pm_timer_port).u32(0).u32(0);  // PM2, timer, GPE0, GPE1
    table.u8(4).u8(2).u8(0).u8(4).u8(0).u8(0).u8(0).u8(0);   // lengths of those; GPE1 base; CST
    table.u16(0xFFFF).u16(0xFFFF).u16(0).u16(0);             // no C2, no C3; flush size and stride
    table.u8(0).u8(0).u8(0).u8(0).u8(0x32);                  // duty; alarm registers: none; century
    table.u16(kBootArchitecture).u8(0);
    table.u32(kWbinvd | kC1Supported | kNoSleepButton | kTimerIs32Bit | kResetRegister);
    table.port(hardware.reset_port, 8).u8(hardware.reset_value).u16(0).u8(4);
    table.u64(facs).u64(dsdt);
    table.port(hardware.pm1_event_port, 32)
        .port(0, 0)
        .port(hardware.pm1_control_port, 16)
        .port(0, 0);
    table.port(0, 0).port(hardware.pm_timer_port, 32).port(0, 0).port(0, 0);
    table.port(0, 0).port(0, 0).u64(0);  // sleep control and status, hypervisor vendor
    return table.finish();
}

// Section 5.2.12.
Bytes build_madt(const AcpiHardware& hardware) {
    constexpr unsigned kActiveHighEdgeBus = 0;
    constexpr unsigned kActiveHighLevel = 0x000D;
    Table table("APIC", 5);
    table.u32(hardware.local_apic_address).u32(1);  // PCAT_COMPAT: there are 8259s
    for (unsigned id = 0; id < hardware.vcpus; ++id) {
        table.u8(0).u8(8).u8(id).u8(id).u32(1);  // enabled
    }
    table.u8(1).u8(12).u8(hardware.io_apic_id).u8(0).u32(hardware.io_apic_address).u32(0);
    // The PIT is at input 2, as on every PC; the SCI is level-triggered.
    table.u8(2).u8(10).u8(0).u8(0).u32(2).u16(kActiveHighEdgeBus);
    table.u8(2).u8(10).u8(0).u8(hardware.sci).u32(hardware.sci).u16(kActiveHighLevel);
    table.u8(4).u8(6).u8(0xFF).u16(0).u8(1);  // NMI at LINT1 of all processors
    return table.finish();
}

Bytes build_facs() {
    Bytes bytes(64);
    std::memcpy(bytes.data(), "FACS", 4);
    bytes[4] = 64;
    bytes[32] = 2;  // version
    return bytes;
}

Bytes build_rsdp(std::uint64_t xsdt) {
    Bytes bytes(36);
    std::memcpy(bytes.data(), "RSD PTR ", 8);
    std::memcpy(bytes.data() + 9, "REDOUB", 6);
    bytes[15] = 2;
    bytes[20] = 36;
    std::memcpy(bytes.data() + 24, &xsdt, 8);
    const auto checksum = [&](std::size_t count) {
        return static_cast<std::uint8_t>(-std::accumulate(
            bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count), std::uint8_t{0}));
    };
    bytes[8] = checksum(20);
    bytes[32] = checksum(36);
    return bytes;
}

}  // namespace

std::vector<std::uint8_t> build_acpi_tables(const AcpiHardware& hardware, std::uint64_t address) {
    constexpr std::size_t kAlignment = 64;
    constexpr std::size_t kRsdpRoom = 64;
    Bytes block(kRsdpRoom);
    const auto place = [&](const Bytes& table) {
        const auto at = address + block.size();
        block.insert(block.end(), table.begin(), table.end());
        block.resize((block.size() + kAlignment - 1) / kAlignment * kAlignment);
        return at;
    };
    const auto facs = place(build_facs());
    const auto dsdt = place(build_dsdt(hardware));
    const auto fadt = place(build_fadt(hardware, facs, dsdt));
    const auto madt = place(build_madt(hardware));
    const auto xsdt = place(Table("XSDT", 1).u64(fadt).u64(madt).finish());
    std::ranges::copy(build_rsdp(xsdt), block.begin());
    return block;
}

std::expected<std::uint64_t, std::string> write_acpi_tables(const hvcall::GuestMemory& memory,
                                                            const AcpiHardware& hardware) {
    const auto tables = build_acpi_tables(hardware, kFirmwareTables);
    if (!memory.copy_in(hvcall::GuestPhysicalAddress{kFirmwareTables}, tables)) {
        return std::unexpected("the VM's memory does not cover the ACPI tables");
    }
    return kFirmwareTables;
}

}  // namespace redoubt::vmmd
