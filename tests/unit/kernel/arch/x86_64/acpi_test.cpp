// What the kernel reads from ACPI tables, well-formed and not.
#include "arch/acpi.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "low_memory.hpp"

namespace redoubt::kernel {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class T>
void set(Bytes& bytes, std::size_t offset, T value) {
    if (bytes.size() < offset + sizeof value) bytes.resize(offset + sizeof value);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}
void set(Bytes& bytes, std::size_t offset, std::string_view text) {
    if (bytes.size() < offset + text.size()) bytes.resize(offset + text.size());
    std::memcpy(bytes.data() + offset, text.data(), text.size());
}
void append(Bytes& bytes, std::initializer_list<unsigned> values) {
    for (const unsigned value : values) bytes.push_back(static_cast<std::uint8_t>(value));
}

/// The header of a table of 36 bytes or `size`; its length is set when it is put into memory.
Bytes table(std::string_view signature, std::size_t size = 36) {
    Bytes bytes(size);
    set(bytes, 0, signature);
    return bytes;
}

class AcpiTest : public testing::Test {
  protected:
    PhysicalAddress put(Bytes bytes) {
        set(bytes, 4, static_cast<std::uint32_t>(bytes.size()));
        return memory_.put(std::span<const std::uint8_t>{bytes});
    }

    void read(const std::vector<PhysicalAddress>& tables, bool wide) {
        Bytes list = table(wide ? "XSDT" : "RSDT");
        for (const PhysicalAddress address : tables) {
            if (wide) {
                set(list, list.size(), address.value());
            } else {
                set(list, list.size(), static_cast<std::uint32_t>(address.value()));
            }
        }
        Bytes root(36);
        set(root, 0, "RSD PTR ");
        root[15] = wide ? 2 : 0;
        const std::uint64_t address = put(list).value();
        if (wide) {
            set(root, 24, address);
        } else {
            set(root, 16, static_cast<std::uint32_t>(address));
        }
        information_.rsdp = memory_.put(std::span<const std::uint8_t>{root});
        acpi_initialize(information_);
    }

    test::LowMemory memory_;
    BootInformation information_{};
};

Bytes madt_with(std::initializer_list<unsigned> entries) {
    Bytes madt = table("APIC", 44);
    set(madt, 36, std::uint32_t{0xFEE0'0000});
    append(madt, entries);
    return madt;
}

TEST_F(AcpiTest, MadtGivesProcessorsIoApicsAndOverrides) {
    const std::size_t processors_before = acpi().processors.count,
                      apics_before = acpi().io_apics.count,
                      overrides_before = acpi().overrides.count;
    read({put(madt_with(
             {0, 8,  0, 3, 1,  0, 0,    0,                    // enabled processor
              0, 8,  1, 1, 0,  0, 0,    0,                    // disabled one
              1, 12, 0, 0, 0,  0, 0xC0, 0xFE, 24,   0, 0, 0,  // IOAPIC from GSI 24
              2, 10, 0, 9, 20, 0, 0,    0,    0x0D, 0}))},    // ISA 9 at GSI 20, level, high
         true);
    EXPECT_EQ(acpi().local_apic, PhysicalAddress{0xFEE0'0000});
    ASSERT_EQ(acpi().processors.count, processors_before + 1);
    EXPECT_EQ(acpi().processors.items[processors_before], 3U);
    ASSERT_EQ(acpi().io_apics.count, apics_before + 1);
    EXPECT_EQ(acpi().io_apics.items[apics_before].address, PhysicalAddress{0xFEC0'0000});
    EXPECT_EQ(acpi().io_apics.items[apics_before].first_gsi, 24U);
    ASSERT_EQ(acpi().overrides.count, overrides_before + 1);
    EXPECT_EQ(acpi().overrides.items[overrides_before].source, 9);
    EXPECT_EQ(acpi().overrides.items[overrides_before].gsi, 20U);
}

TEST_F(AcpiTest, MadtEntryOfLengthZeroEndsTheListInsteadOfHanging) {
    const std::size_t before = acpi().processors.count;
    read({put(madt_with({0, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}))}, true);
    EXPECT_EQ(acpi().processors.count, before + 1);
}

TEST_F(AcpiTest, FadtGivesPowerOffResetAndTheSleepTypeOfTheDsdt) {
    Bytes dsdt = table("DSDT");
    append(dsdt, {0x08, '_', 'S', '4', '_', 0x12, 6, 4, 0x0A, 6, 0, 0, 0});
    append(dsdt, {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0A, 5, 0, 0, 0});
    Bytes fadt = table("FACP", 148);
    set(fadt, 40, static_cast<std::uint32_t>(put(dsdt).value()));
    set(fadt, 64, std::uint32_t{0});
    set(fadt, 68, std::uint32_t{0x1234});
    set(fadt, 76, std::uint32_t{0x608});
    set(fadt, 112, std::uint32_t{1 << 10});
    fadt[116] = 1;
    set(fadt, 120, std::uint64_t{0xCF9});
    fadt[128] = 0x0F;
    read({put(fadt)}, false);
    EXPECT_EQ(information_.machine.pm1a_sleep_type, 5U);
    EXPECT_EQ(information_.machine.reset_port, 0xCF9U);
    EXPECT_EQ(information_.machine.reset_value, 0x0FU);
    EXPECT_EQ(acpi().pm_timer_port, 0x608);
    EXPECT_FALSE(acpi().pm_timer_32_bits);
}

TEST_F(AcpiTest, SleepTypeZeroIsAnOpcodeOfItsOwn) {
    Bytes dsdt = table("DSDT");
    append(dsdt, {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0, 0});
    Bytes fadt = table("FACP", 148);
    set(fadt, 140, put(dsdt).value());
    information_.machine.pm1a_sleep_type = 7;
    read({put(fadt)}, true);
    EXPECT_EQ(information_.machine.pm1a_sleep_type, 0U);
}

TEST_F(AcpiTest, ResetRegisterInMemorySpaceIsNotUsed) {
    Bytes fadt = table("FACP", 148);
    set(fadt, 112, std::uint32_t{1 << 10});
    fadt[116] = 0;
    set(fadt, 120, std::uint64_t{0xCF9});
    read({put(fadt)}, true);
    EXPECT_EQ(information_.machine.reset_port, 0U);
}

TEST_F(AcpiTest, ShortFadtOfTheFirstRevisionReadsAsZeroBeyondItsEnd) {
    read({put(table("FACP", 70))}, false);
    EXPECT_EQ(information_.machine.reset_port, 0U);
}

TEST_F(AcpiTest, TablesBeyondTheMappedMemoryOrWithBadLengthsAreSkipped) {
    Bytes huge = table("APIC", 60);
    set(huge, 4, std::uint32_t{0xFFFF'FFFF});
    const PhysicalAddress bad_length = memory_.put(std::span<const std::uint8_t>{huge});
    const std::size_t before = acpi().processors.count;
    read({PhysicalAddress{0}, PhysicalAddress{0x12'3456'7000}, bad_length}, true);
    EXPECT_EQ(acpi().processors.count, before);
}

TEST_F(AcpiTest, HpetGivesItsAddress) {
    Bytes hpet = table("HPET", 56);
    set(hpet, 44, std::uint64_t{0xFED0'0000});
    read({put(hpet)}, true);
    EXPECT_EQ(acpi().hpet, PhysicalAddress{0xFED0'0000});
}

}  // namespace
}  // namespace redoubt::kernel
