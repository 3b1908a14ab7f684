// ACPI fixed hardware: the timer's rate, the power button, and the way to S5.
#include "vmmd/arch/x86_64/devices/acpi_pm.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class AcpiPmTest : public DeviceTest {
  protected:
    unsigned power_offs = 0;
    AcpiPm pm{timers, line, [this] { ++power_offs; }};
    enum : std::uint64_t { kStatus = 0, kEnable = 2, kControl = 4, kTimer = 8 };
};

TEST_F(AcpiPmTest, TimerRunsAtItsFrequencyInAllWidths) {
    const auto start = in(pm, kTimer, 4);
    advance(whole_seconds(1));
    EXPECT_NEAR(static_cast<double>(in(pm, kTimer, 4) - start), 3'579'545, 1);
    EXPECT_EQ(in(pm, kTimer), in(pm, kTimer, 4) & 0xFF);
    EXPECT_EQ(in(pm, kTimer + 2, 2), in(pm, kTimer, 4) >> 16);
    const auto now = in(pm, kTimer, 4);
    out(pm, kTimer, 0, 4);
    EXPECT_EQ(in(pm, kTimer, 4), now) << "read-only";
}

TEST_F(AcpiPmTest, PowerButtonRaisesTheSciUntilCleared) {
    pm.press_power_button();
    EXPECT_FALSE(line.level) << "not enabled";
    out(pm, kEnable, 0x0100, 2);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(in(pm, kStatus, 2), 0x0100U);
    out(pm, kStatus, 0x0001, 2);
    EXPECT_TRUE(line.level) << "ones clear, and only themselves";
    out(pm, kStatus, 0x0100, 2);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(pm, kStatus, 2), 0U);
    EXPECT_EQ(in(pm, kEnable, 2), 0x0100U);
}

TEST_F(AcpiPmTest, TimerStatusComesWithTheTopBit) {
    out(pm, kStatus, 1, 2);
    out(pm, kEnable, 1, 2);
    advance(whole_seconds(620));
    EXPECT_TRUE(line.level);
    out(pm, kStatus, 1, 2);
    EXPECT_FALSE(line.level);
}

TEST_F(AcpiPmTest, AlwaysInAcpiMode) {
    EXPECT_EQ(in(pm, kControl, 2), 1U);
    out(pm, kControl, 0, 2);
    EXPECT_EQ(in(pm, kControl, 2) & 1, 1U);
}

TEST_F(AcpiPmTest, OnlyS5PowersOff) {
    // Linux writes the type first, then type and enable.
    out(pm, kControl, AcpiPm::kSleepTypeS5 << 10, 2);
    EXPECT_EQ(power_offs, 0U);
    out(pm, kControl, 3 << 10 | 1 << 13, 2);
    EXPECT_EQ(power_offs, 0U);
    out(pm, kControl, AcpiPm::kSleepTypeS5 << 10 | 1 << 13, 2);
    EXPECT_EQ(power_offs, 1U);
    EXPECT_EQ(in(pm, kControl, 2) & 0x2000, 0U) << "SLP_EN reads as zero";
    out(pm, kControl + 1, AcpiPm::kSleepTypeS5 << 2 | 1 << 5);
    EXPECT_EQ(power_offs, 2U) << "as a byte too";
}

TEST_F(AcpiPmTest, ResetForgetsEvents) {
    out(pm, kEnable, 0x0100, 2);
    pm.press_power_button();
    pm.reset();
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(pm, kStatus, 4), 0U);
}

}  // namespace
}  // namespace redoubt::vmmd
