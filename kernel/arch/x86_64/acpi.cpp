// ACPI's static tables: MADT, FADT, HPET, and the \_S5 package of the DSDT, found without an AML
// interpreter.
#include "arch/acpi.hpp"

#include <cstring>

#include "arch/port.hpp"

namespace redoubt::kernel {
namespace {

constinit AcpiInformation found{};

constexpr std::uint64_t kMappedEnd = 1ULL << 32;
constexpr std::uint32_t kMaximumTable = 4 << 20;
constexpr std::uint32_t kHeaderBytes = 36;

/// A table's bytes; reads beyond the end give zero, so that short (old) revisions need no special
/// care.
class Table {
  public:
    Table() = default;
    explicit Table(PhysicalAddress address) {
        if (address.value() == 0 || address.value() + kHeaderBytes > kMappedEnd) return;
        bytes_ = direct_map<const std::uint8_t>(address);
        length_ = kHeaderBytes;
        length_ = read<std::uint32_t>(4);
        if (length_ < kHeaderBytes || length_ > kMaximumTable ||
            address.value() + length_ > kMappedEnd)
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
    const bool wide = root[15] >= 2 && xsdt != 0 && xsdt < kMappedEnd;
    const Table list{PhysicalAddress{wide ? xsdt : rsdt}};
    const std::uint32_t step = wide ? 8 : 4;
    for (std::uint32_t at = kHeaderBytes; at + step <= list.length(); at += step) {
        const std::uint64_t address =
            wide ? list.read<std::uint64_t>(at) : list.read<std::uint32_t>(at);
        visit(Table{PhysicalAddress{address}});
    }
}

void read_madt(const Table& madt) {
    constexpr std::uint32_t kEnabled = 1;
    enum : std::uint8_t {
        kLocalApic = 0,
        kIoApic = 1,
        kOverride = 2,
        kLocalApicAddress = 5,
        kX2Apic = 9
    };
    found.local_apic = PhysicalAddress{madt.read<std::uint32_t>(36)};
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
                found.overrides.add({madt.read<std::uint8_t>(at + 3),
                                     madt.read<std::uint32_t>(at + 4),
                                     madt.read<std::uint16_t>(at + 8)});
                break;
            case kLocalApicAddress:
                found.local_apic = PhysicalAddress{madt.read<std::uint64_t>(at + 4)};
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

void read_fadt(const Table& fadt, BootInformation& information) {
    constexpr std::uint32_t kResetSupported = 1 << 10, kTimer32Bits = 1 << 8;
    constexpr std::uint8_t kSystemIo = 1;
    const auto flags = fadt.read<std::uint32_t>(112);
    information.machine.pm1a_control_port = fadt.read<std::uint32_t>(64);
    found.pm_timer_port = static_cast<std::uint16_t>(fadt.read<std::uint32_t>(76));
    found.pm_timer_32_bits = (flags & kTimer32Bits) != 0;
    found.rtc_century_register = fadt.read<std::uint8_t>(108);
    if ((flags & kResetSupported) != 0 && fadt.read<std::uint8_t>(116) == kSystemIo) {
        information.machine.reset_port = static_cast<std::uint32_t>(fadt.read<std::uint64_t>(120));
        information.machine.reset_value = fadt.read<std::uint8_t>(128);
    }
    if (information.machine.pm1a_control_port != 0) {
        enable_acpi_mode(fadt, static_cast<std::uint16_t>(information.machine.pm1a_control_port));
    }
    std::uint64_t dsdt = fadt.read<std::uint64_t>(140);
    if (dsdt == 0 || dsdt >= kMappedEnd) dsdt = fadt.read<std::uint32_t>(40);
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

const AcpiInformation& acpi() { return found; }

void acpi_initialize(BootInformation& information) {
    if (information.rsdp.value() == 0) information.rsdp = search_rsdp();
    if (information.rsdp.value() == 0 || information.rsdp.value() >= kMappedEnd) return;
    for_each_table(information.rsdp, [&](const Table& table) {
        if (table.is("APIC")) read_madt(table);
        if (table.is("FACP")) read_fadt(table, information);
        if (table.is("HPET")) found.hpet = PhysicalAddress{table.read<std::uint64_t>(44)};
        if (table.is("SSDT")) find_sleep_type(table, information.machine.pm1a_sleep_type);
    });
}

}  // namespace redoubt::kernel
