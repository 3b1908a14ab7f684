// ACPI's static tables: MADT, FADT, HPET, and the \_S5 package of the DSDT, found without an AML
// interpreter.
#include "boot/x86_64/acpi.hpp"

#include <cstring>

#include "arch/port.hpp"

namespace redoubt::boot {
namespace {

using kernel::direct_map, kernel::port_in16, kernel::port_out8;

constexpr std::uint32_t kMaximumTable = 4 << 20;
constexpr std::uint32_t kHeaderBytes = 36;

/// A table's bytes; reads beyond the end give zero, so that short (old) revisions need no special
/// care.
class Table {
  public:
    Table() = default;
    explicit Table(PhysicalAddress address) {
        if (address.value() == 0 || address > kMappedEnd - kHeaderBytes) return;
        bytes_ = direct_map<const std::uint8_t>(address);
        length_ = kHeaderBytes;
        length_ = read<std::uint32_t>(4);
        if (length_ < kHeaderBytes || length_ > kMaximumTable || address > kMappedEnd - length_)
            length_ = 0;
    }

    template <class T>
    T read(std::uint32_t offset) const {
        T value{};
        if (std::uint64_t{offset} + sizeof(T) <= length_)
            std::memcpy(&value, bytes_ + offset, sizeof(T));
        return value;
    }
    bool is(const char* signature) const {
        return length_ != 0 && std::memcmp(bytes_, signature, 4) == 0;
    }
    std::uint32_t length() const { return length_; }

  private:
    const std::uint8_t* bytes_ = nullptr;
    std::uint32_t length_ = 0;
};

/// Calls `visit` for every table of the RSDT or XSDT.
template <class Visitor>
void for_each_table(PhysicalAddress rsdp, Visitor&& visit) {
    const auto* root = direct_map<const std::uint8_t>(rsdp);
    std::uint32_t rsdt;
    std::uint64_t xsdt;
    std::memcpy(&rsdt, root + 16, 4);
    std::memcpy(&xsdt, root + 24, 8);
    const bool wide = root[15] >= 2 && xsdt != 0 && xsdt < kMappedEnd.value();
    const Table list{PhysicalAddress{wide ? xsdt : rsdt}};
    const std::uint32_t step = wide ? 8 : 4;
    for (std::uint32_t at = kHeaderBytes; at + step <= list.length(); at += step) {
        const std::uint64_t address =
            wide ? list.read<std::uint64_t>(at) : list.read<std::uint32_t>(at);
        visit(Table{PhysicalAddress{address}});
    }
}

void read_madt(const Table& madt, Hardware& found) {
    constexpr std::uint32_t kEnabled = 1;
    enum : std::uint8_t { kLocalApic = 0, kIoApic = 1, kOverride = 2, kX2Apic = 9 };
    std::uint32_t length = 0;
    for (std::uint32_t at = 44; at + 2 <= madt.length(); at += length) {
        length = madt.read<std::uint8_t>(at + 1);
        if (length < 2) break;
        switch (madt.read<std::uint8_t>(at)) {
            case kLocalApic:
                if ((madt.read<std::uint32_t>(at + 4) & kEnabled) != 0)
                    found.processors.add(madt.read<std::uint8_t>(at + 3));
                break;
            case kX2Apic:
                if ((madt.read<std::uint32_t>(at + 8) & kEnabled) != 0)
                    found.processors.add(madt.read<std::uint32_t>(at + 4));
                break;
            case kIoApic:
                found.io_apics.add({PhysicalAddress{madt.read<std::uint32_t>(at + 4)},
                                    madt.read<std::uint32_t>(at + 8)});
                break;
            case kOverride:
                if (const auto source = madt.read<std::uint8_t>(at + 3); source < kIsaInterrupts) {
                    // MPS INTI flags (ACPI 6.4, table 5.26).
                    const auto flags = madt.read<std::uint16_t>(at + 8);
                    found.isa_interrupts[source] = {madt.read<std::uint32_t>(at + 4),
                                                    (flags & 3) == 3, (flags >> 2 & 3) == 3};
                }
                break;
            default:
                break;
        }
    }
}

/// Finds Name(_S5_, Package{SLP_TYPa, …}) by its bytes (ACPI 6.4, 20.2.5.4); the first element is a
/// constant.
bool find_sleep_type(const Table& aml, std::uint32_t& sleep_type) {
    constexpr std::uint8_t kPackage = 0x12, kBytePrefix = 0x0A, kWordPrefix = 0x0B;
    for (std::uint32_t at = kHeaderBytes; at + 8 < aml.length(); ++at) {
        if (aml.read<std::uint32_t>(at) != 0x5F35535F /* "_S5_" */) continue;
        if (aml.read<std::uint8_t>(at + 4) != kPackage) continue;
        std::uint32_t element = at + 5;
        element += 1 + (aml.read<std::uint8_t>(element) >> 6);  // package length
        element += 1;                                           // number of elements
        const auto prefix = aml.read<std::uint8_t>(element);
        sleep_type = prefix == kBytePrefix   ? aml.read<std::uint8_t>(element + 1)
                     : prefix == kWordPrefix ? aml.read<std::uint16_t>(element + 1)
                                             : prefix & 1U;  // ZeroOp or OneOp
        return true;
    }
    return false;
}

/// Hands the power-management registers from the firmware to us, if it still has them
/// (ACPI 6.4, 4.8.3.2.1).
void enable_acpi_mode(const Table& fadt, std::uint16_t control_port) {
    const auto command_port = static_cast<std::uint16_t>(fadt.read<std::uint32_t>(48));
    const auto enable = fadt.read<std::uint8_t>(52);
    if (command_port == 0 || enable == 0 || (port_in16(control_port) & 1) != 0) return;
    port_out8(command_port, enable);
    for (unsigned i = 0; i < 10'000 && (port_in16(control_port) & 1) == 0; ++i)
        asm volatile("pause");
}

void read_fadt(const Table& fadt, BootInformation& information, AcpiClocks& clocks) {
    constexpr std::uint32_t kTimer32Bits = 1 << 8;
    information.machine.pm1a_control_port = fadt.read<std::uint32_t>(64);
    clocks.pm_timer_port = static_cast<std::uint16_t>(fadt.read<std::uint32_t>(76));
    clocks.pm_timer_32_bits = (fadt.read<std::uint32_t>(112) & kTimer32Bits) != 0;
    clocks.rtc_century_register = fadt.read<std::uint8_t>(108);
    if (information.machine.pm1a_control_port != 0) {
        enable_acpi_mode(fadt, static_cast<std::uint16_t>(information.machine.pm1a_control_port));
    }
    std::uint64_t dsdt = fadt.read<std::uint64_t>(140);
    if (dsdt == 0 || dsdt >= kMappedEnd.value()) dsdt = fadt.read<std::uint32_t>(40);
    find_sleep_type(Table{PhysicalAddress{dsdt}}, information.machine.pm1a_sleep_type);
}

/// Where PC firmware puts the RSDP when the loader does not tell (ACPI 6.4, 5.2.5.1).
PhysicalAddress search_rsdp() {
    for (std::uint64_t at = 0xE0000; at < 0x100000; at += 16) {
        if (std::memcmp(direct_map<const char>(PhysicalAddress{at}), "RSD PTR ", 8) == 0)
            return PhysicalAddress{at};
    }
    return {};
}

}  // namespace

AcpiClocks read_acpi(BootInformation& information, RootPointer root) {
    AcpiClocks clocks{};
    for (std::uint32_t i = 0; i < kIsaInterrupts; ++i)
        information.hardware.isa_interrupts[i] = {i, false, false};
    if (root.value() == 0) root = search_rsdp();
    if (root.value() == 0 || root > kMappedEnd - kHeaderBytes) return clocks;
    for_each_table(root, [&](const Table& table) {
        if (table.is("APIC")) read_madt(table, information.hardware);
        if (table.is("FACP")) read_fadt(table, information, clocks);
        if (table.is("HPET")) clocks.hpet = PhysicalAddress{table.read<std::uint64_t>(44)};
        if (table.is("SSDT")) find_sleep_type(table, information.machine.pm1a_sleep_type);
    });
    return clocks;
}

}  // namespace redoubt::boot
