// The devices of one register: reset control, POST codes, debug port, and what is nobody's.
#include <string>
#include <vector>

#include "tests/unit/vmmd/devices/device_fixture.hpp"
#include "vmmd/devices/debug_port.hpp"
#include "vmmd/devices/post_port.hpp"
#include "vmmd/devices/reset_control.hpp"
#include "vmmd/devices/unclaimed.hpp"

namespace redoubt::vmmd {
namespace {

using SmallPortsTest = DeviceTest;

TEST_F(SmallPortsTest, ResetControlResetsOnTheRisingBit) {
    unsigned resets = 0;
    ResetControl control([&](std::string_view) { ++resets; });
    out(control, 1, 0x02);
    EXPECT_EQ(resets, 0U);
    EXPECT_EQ(in(control, 1), 0x02);
    out(control, 1, ResetControl::kResetValue);
    EXPECT_EQ(resets, 1U);
}

TEST_F(SmallPortsTest, ThereIsNoPciConfigurationMechanism) {
    unsigned resets = 0;
    ResetControl control([&](std::string_view) { ++resets; });
    // pci_check_type1 and pci_check_type2.
    out(control, 3, 0x01);
    out(control, 0, 0x80000000, 4);
    EXPECT_NE(in(control, 0, 4), 0x80000000U);
    out(control, 3, 0);
    out(control, 0, 0);
    out(control, 2, 0);
    EXPECT_FALSE(in(control, 0) == 0 && in(control, 2) == 0);
    EXPECT_EQ(in(control, 4, 4), 0xFFFFFFFFU);
    out(control, 0, 0xFFFFFFFF, 4);
    EXPECT_EQ(resets, 0U);
}

TEST_F(SmallPortsTest, PostPortRemembersTheCode) {
    PostPort port;
    out(port, 0, 0x42);
    EXPECT_EQ(in(port, 0), 0x42);
    EXPECT_EQ(port.last(), 0x42);
}

TEST_F(SmallPortsTest, DebugPortPassesBytesOn) {
    std::string text;
    DebugPort port([&](std::uint8_t byte) { text += static_cast<char>(byte); });
    EXPECT_EQ(in(port, 0), 0xE9);
    out(port, 0, 'h');
    out(port, 0, 'i');
    EXPECT_EQ(text, "hi");
}

TEST_F(SmallPortsTest, UnclaimedReadsAllOnesAndIsReportedOnce) {
    std::vector<std::string> lines;
    Unclaimed nobody("port", clock, [&](const std::string& text) { lines.push_back(text); });
    EXPECT_EQ(in(nobody, 0x2F8), 0xFF);
    EXPECT_EQ(in(nobody, 0x2F8, 4), 0xFFFFFFFFU);
    out(nobody, 0x3C0, 0x1234, 2);
    EXPECT_EQ(lines, (std::vector<std::string>{
                         "no device at port 0x2f8: read of 1 bytes answered with all ones",
                         "no device at port 0x3c0: write of 0x1234 (2 bytes) dropped"}));
}

TEST_F(SmallPortsTest, UnclaimedIsRateLimitedAndBounded) {
    std::vector<std::string> lines;
    Unclaimed nobody("memory", clock, [&](const std::string& text) { lines.push_back(text); });
    for (std::uint64_t i = 0; i < 1000; ++i) in(nobody, 0xD0000000 + i);
    EXPECT_EQ(lines.size(), Unclaimed::kPerSecond);
    for (std::uint64_t second = 0; second < 100; ++second) {
        advance(whole_seconds(1));
        for (std::uint64_t i = 0; i < 100; ++i) in(nobody, 0xD0000000 + i + 100 * second);
    }
    EXPECT_EQ(lines.size(), Unclaimed::kMemory);
}

}  // namespace
}  // namespace redoubt::vmmd
