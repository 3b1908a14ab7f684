// What the boot loader reads from ACPI tables, well-formed and not.
#include "boot/x86_64/acpi.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "tests/unit/boot/low_memory.hpp"

namespace redoubt::boot {
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
        clocks_ = read_acpi(information_, memory_.put(std::span<const std::uint8_t>{root}));
    }

    test::LowMemory memory_;
    BootInformation information_{};
    const Hardware& hardware_ = information_.hardware;
    AcpiClocks clocks_{};
};

Bytes madt_with(std::initializer_list<unsigned> entries) {
    Bytes madt = table("APIC", 44);
    set(madt, 36, std::uint32_t{0xFEE0'0000});
    append(madt, entries);
    return madt;
}

TEST_F(AcpiTest, MadtGivesProcessorsIoApicsAndOverrides) {
    read({put(madt_with(
             {0, 8,  0, 3, 1,  0, 0,    0,                    // enabled processor
              0, 8,  1, 1, 0,  0, 0,    0,                    // disabled one
              1, 12, 0, 0, 0,  0, 0xC0, 0xFE, 24,   0, 0, 0,  // IOAPIC from GSI 24
              2, 10, 0, 9, 20, 0, 0,    0,    0x0D, 0}))},    // ISA 9 at GSI 20, level, high
         true);
    ASSERT_EQ(hardware_.processors.count, 1U);
    EXPECT_EQ(hardware_.processors.items[0], 3U);
    ASSERT_EQ(hardware_.io_apics.count, 1U);
    EXPECT_EQ(hardware_.io_apics.items[0].registers, PhysicalAddress{0xFEC0'0000});
    EXPECT_EQ(hardware_.io_apics.items[0].first_gsi, 24U);
    const InterruptLine& nine = hardware_.isa_interrupts[9];
    EXPECT_EQ(nine.gsi, 20U);
    EXPECT_TRUE(nine.level_triggered);
    EXPECT_FALSE(nine.active_low);
    const InterruptLine& eight = hardware_.isa_interrupts[8];
    EXPECT_EQ(eight.gsi, 8U);
    EXPECT_FALSE(eight.level_triggered);
}

TEST_F(AcpiTest, OverridesOfWhatIsNoIsaInterruptAreLeftOut) {
    read({put(madt_with({2, 10, 0, 16, 20, 0, 0, 0, 0, 0, 2, 10, 0, 255, 20, 0, 0, 0, 0, 0}))},
         true);
    for (std::uint32_t i = 0; i < kIsaInterrupts; ++i)
        EXPECT_EQ(hardware_.isa_interrupts[i].gsi, i);
    EXPECT_EQ(hardware_.processors.count, 0U);
}

TEST_F(AcpiTest, MadtEntryOfLengthZeroEndsTheListInsteadOfHanging) {
    read({put(madt_with({0, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}))}, true);
    EXPECT_EQ(hardware_.processors.count, 1U);
}

TEST_F(AcpiTest, FadtGivesPowerOffClocksAndTheSleepTypeOfTheDsdt) {
    Bytes dsdt = table("DSDT");
    append(dsdt, {0x08, '_', 'S', '4', '_', 0x12, 6, 4, 0x0A, 6, 0, 0, 0});
    append(dsdt, {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0A, 5, 0, 0, 0});
    Bytes fadt = table("FACP", 148);
    set(fadt, 40, static_cast<std::uint32_t>(put(dsdt).value()));
    set(fadt, 64, std::uint32_t{0});
    set(fadt, 68, std::uint32_t{0x1234});
    set(fadt, 76, std::uint32_t{0x608});
    fadt[108] = 0x32;
    read({put(fadt)}, false);
    EXPECT_EQ(information_.machine.pm1a_sleep_type, 5U);
    EXPECT_EQ(clocks_.pm_timer_port, 0x608);
    EXPECT_FALSE(clocks_.pm_timer_32_bits);
    EXPECT_EQ(clocks_.rtc_century_register, 0x32);
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

TEST_F(AcpiTest, ShortFadtOfTheFirstRevisionReadsAsZeroBeyondItsEnd) {
    read({put(table("FACP", 70))}, false);
    EXPECT_EQ(clocks_.pm_timer_port, 0);
    EXPECT_EQ(clocks_.rtc_century_register, 0);
}

TEST_F(AcpiTest, TablesBeyondTheMappedMemoryOrWithBadLengthsAreSkipped) {
    Bytes huge = table("APIC", 60);
    set(huge, 4, std::uint32_t{0xFFFF'FFFF});
    const PhysicalAddress bad_length = memory_.put(std::span<const std::uint8_t>{huge});
    read({PhysicalAddress{0}, PhysicalAddress{0x12'3456'7000}, bad_length}, true);
    EXPECT_EQ(hardware_.processors.count, 0U);
}

TEST_F(AcpiTest, HpetGivesItsAddress) {
    Bytes hpet = table("HPET", 56);
    set(hpet, 44, std::uint64_t{0xFED0'0000});
    read({put(hpet)}, true);
    EXPECT_EQ(clocks_.hpet, PhysicalAddress{0xFED0'0000});
}

}  // namespace
}  // namespace redoubt::boot
