// The devices of one register: reset control, POST codes, debug port, and what is nobody's.
#include <string>
#include <vector>

#include "tests/unit/vmmd/devices/device_fixture.hpp"
#include "vmmd/arch/x86_64/devices/debug_port.hpp"
#include "vmmd/arch/x86_64/devices/pci_host.hpp"
#include "vmmd/arch/x86_64/devices/post_port.hpp"
#include "vmmd/arch/x86_64/devices/reset_control.hpp"
#include "vmmd/devices/unclaimed.hpp"

namespace redoubt::vmmd {
namespace {

using SmallPortsTest = DeviceTest;

TEST_F(SmallPortsTest, ResetControlResetsOnTheRisingBit) {
    unsigned resets = 0;
    ResetControl control([&](std::string_view) { ++resets; });
    out(control, 0, 0x02);
    EXPECT_EQ(resets, 0U);
    EXPECT_EQ(in(control, 0), 0x02);
    out(control, 0, ResetControl::kResetValue);
    EXPECT_EQ(resets, 1U);
}

class PciHostTest : public SmallPortsTest {
  protected:
    /// A register of a function, as drivers read it.
    std::uint64_t configuration(std::uint32_t address, unsigned offset, std::size_t bytes) {
        out(host, 0, 0x80000000 | address | (offset & 0xFC), 4);
        return in(host, 4 + (offset & 3), bytes);
    }
    unsigned resets = 0;
    ResetControl control{[this](std::string_view) { ++resets; }};
    PciHost host{control};
};

TEST_F(PciHostTest, LinuxFindsMechanismOneAndAHostBridge) {
    // pci_check_type1.
    out(host, 3, 0x01);
    out(host, 0, 0x80000000, 4);
    EXPECT_EQ(in(host, 0, 4), 0x80000000U);
    EXPECT_EQ(configuration(0, 0, 2), PciHost::kVendor);
    EXPECT_EQ(configuration(0, 2, 2), PciHost::kDevice);
    EXPECT_EQ(configuration(0, 0x0A, 2), 0x0600U);
    EXPECT_EQ(configuration(0, 0x0E, 1), 0U) << "one function, type 0 header";
    EXPECT_EQ(configuration(0, 0x3D, 1), 0U) << "no interrupt pin";
    EXPECT_EQ(resets, 0U);
}

TEST_F(PciHostTest, TheHeaderIsReadOnly) {
    for (unsigned offset = 0; offset < 256; offset += 4) {
        const auto before = configuration(0, offset, 4);
        out(host, 4, 0xFFFFFFFF, 4);
        out(host, 5, 0xFF, 1);
        EXPECT_EQ(configuration(0, offset, 4), before);
    }
}

TEST_F(PciHostTest, EverythingElseIsAbsent) {
    for (std::uint32_t function = 1; function < 0x10000; ++function) {
        ASSERT_EQ(configuration(function << 8, 0, 4), 0xFFFFFFFFU) << function;
    }
    out(host, 0, 0, 4);
    EXPECT_EQ(in(host, 4, 4), 0xFFFFFFFFU) << "not enabled";
}

TEST_F(PciHostTest, ReservedAddressBitsReadZeroAndNarrowAccessesFloat) {
    out(host, 0, 0xFFFFFFFF, 4);
    EXPECT_EQ(in(host, 0, 4), 0x80FFFFFCU);
    EXPECT_EQ(in(host, 0, 2), 0xFFFFU);
    out(host, 0, 0, 1);
    out(host, 2, 0, 2);
    EXPECT_EQ(in(host, 0, 4), 0x80FFFFFCU);
    configuration(0, 0, 4);
    EXPECT_EQ(in(host, 6, 4), 0xFFFF0000U | PciHost::kDevice) << "beyond the ports";
    host.reset();
    EXPECT_EQ(in(host, 0, 4), 0U);
}

TEST_F(PciHostTest, OneByteInItsMidstIsTheResetControl) {
    out(host, 1, 0x02);
    EXPECT_EQ(in(host, 1), 0x02);
    out(host, 0, 0x80000600, 4);
    EXPECT_EQ(resets, 0U) << "a wide access is for the address";
    out(host, 1, ResetControl::kResetValue);
    EXPECT_EQ(resets, 1U);
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
