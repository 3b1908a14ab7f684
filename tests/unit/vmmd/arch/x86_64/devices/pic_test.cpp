// The 8259A pair as systems program it.
#include "vmmd/arch/x86_64/devices/pic.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class PicTest : public DeviceTest {
  protected:
    /// As Linux's init_8259A: vectors 0x30 and 0x38, everything unmasked.
    void initialize(std::uint8_t word4 = 0x01) {
        out(pic, 0x20, 0x11);
        out(pic, 0x21, 0x30);
        out(pic, 0x21, 0x04);
        out(pic, 0x21, word4);
        out(pic, 0xA0, 0x11);
        out(pic, 0xA1, 0x38);
        out(pic, 0xA1, 0x02);
        out(pic, 0xA1, word4);
        out(pic, 0x21, 0);
        out(pic, 0xA1, 0);
    }
    void raise(unsigned irq) { pic.input(irq).set(true); }
    void lower(unsigned irq) { pic.input(irq).set(false); }
    std::uint8_t in_service(std::uint64_t port) {
        out(pic, port, 0x0B);
        const auto value = in(pic, port);
        out(pic, port, 0x0A);
        return value;
    }

    Pic pic{line};
};

TEST_F(PicTest, MaskIsReadableWhichIsHowLinuxFindsIt) {
    initialize();
    out(pic, 0x21, 0xFB);
    EXPECT_EQ(in(pic, 0x21), 0xFB);
}

TEST_F(PicTest, RequestsNothingBeforeItIsInitialized) {
    raise(4);
    EXPECT_FALSE(line.level);
    initialize();
    lower(4);
    raise(4);
    EXPECT_TRUE(line.level);
    pic.reset();
    EXPECT_FALSE(line.level);
}

TEST_F(PicTest, DeliversTheVectorAndBlocksUntilEndOfInterrupt) {
    initialize();
    raise(4);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(pic.acknowledge(), 0x34);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in_service(0x20), 0x10);
    lower(4);
    raise(4);
    EXPECT_FALSE(line.level) << "same level is in service";
    out(pic, 0x20, 0x20);
    EXPECT_TRUE(line.level);
}

TEST_F(PicTest, HigherPriorityInterruptsLower) {
    initialize();
    raise(4);
    EXPECT_EQ(pic.acknowledge(), 0x34);
    raise(1);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(pic.acknowledge(), 0x31);
    raise(6);
    EXPECT_FALSE(line.level);
    out(pic, 0x20, 0x20);  // ends 1
    EXPECT_EQ(in_service(0x20), 0x10);
    out(pic, 0x20, 0x64);  // specific EOI of 4
    EXPECT_EQ(pic.acknowledge(), 0x36);
}

TEST_F(PicTest, SlaveComesThroughInputTwo) {
    initialize();
    raise(8);
    EXPECT_EQ(pic.acknowledge(), 0x38);
    EXPECT_EQ(in_service(0x20), 0x04);
    EXPECT_EQ(in_service(0xA0), 0x01);
    raise(12);
    out(pic, 0xA0, 0x20);
    EXPECT_FALSE(line.level) << "the master still serves the slave";
    out(pic, 0x20, 0x62);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(pic.acknowledge(), 0x3C);
}

TEST_F(PicTest, MaskedRequestsWaitInTheRequestRegister) {
    initialize();
    out(pic, 0x21, 0x10);
    raise(4);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(pic, 0x20), 0x10);
    out(pic, 0x21, 0);
    EXPECT_TRUE(line.level);
}

TEST_F(PicTest, ARequestThatGoesAwayIsSpurious) {
    initialize();
    raise(4);
    lower(4);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(pic.acknowledge(), 0x37);
    EXPECT_EQ(in_service(0x20), 0x00);
}

TEST_F(PicTest, EdgeNeedsANewEdgeAndLevelDoesNot) {
    initialize();
    raise(5);
    EXPECT_EQ(pic.acknowledge(), 0x35);
    out(pic, 0x20, 0x20);
    EXPECT_FALSE(line.level);

    out(pic, 0x4D0, 0x20);
    lower(5);
    raise(5);
    EXPECT_EQ(pic.acknowledge(), 0x35);
    out(pic, 0x20, 0x20);
    EXPECT_TRUE(line.level) << "still asserted";
    lower(5);
    EXPECT_FALSE(line.level);
}

TEST_F(PicTest, EdgeLevelRegistersKeepTheTimersEdgeTriggered) {
    out(pic, 0x4D0, 0xFF);
    out(pic, 0x4D1, 0xFF);
    EXPECT_EQ(in(pic, 0x4D0), 0xF8);
    EXPECT_EQ(in(pic, 0x4D1), 0xDE);
    EXPECT_EQ(in(pic, 0x4D0, 2), 0xDEF8U) << "a wide access is one per byte";
}

TEST_F(PicTest, AutomaticEndOfInterruptLeavesNothingInService) {
    initialize(0x03);
    raise(3);
    EXPECT_EQ(pic.acknowledge(), 0x33);
    EXPECT_EQ(in_service(0x20), 0);
}

TEST_F(PicTest, RotationMakesTheServedInputTheLast) {
    initialize();
    raise(3);
    EXPECT_EQ(pic.acknowledge(), 0x33);
    out(pic, 0x20, 0xA0);  // rotate on non-specific EOI
    lower(3);
    raise(3);
    raise(6);
    EXPECT_EQ(pic.acknowledge(), 0x36);
    out(pic, 0x20, 0x20);
    out(pic, 0x20, 0xC5);  // set priority: 5 is last
    raise(7);
    EXPECT_EQ(pic.acknowledge(), 0x37);
}

TEST_F(PicTest, SpecialMaskModeLetsLowerLevelsThroughAMaskedOne) {
    initialize();
    raise(2 + 1);
    EXPECT_EQ(pic.acknowledge(), 0x33);
    raise(6);
    EXPECT_FALSE(line.level);
    out(pic, 0x21, 0x08);
    out(pic, 0x20, 0x68);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(pic.acknowledge(), 0x36);
}

TEST_F(PicTest, PollingAcknowledges) {
    initialize();
    out(pic, 0x20, 0x0C);
    EXPECT_EQ(in(pic, 0x20), 0x07);
    raise(5);
    out(pic, 0x20, 0x0C);
    EXPECT_EQ(in(pic, 0x20), 0x85);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in_service(0x20), 0x20);
}

TEST_F(PicTest, InitializationForgetsEdgesAndMasks) {
    initialize();
    raise(4);
    out(pic, 0x21, 0xFF);
    out(pic, 0x20, 0x11);
    EXPECT_FALSE(line.level);
    out(pic, 0x21, 0x40);
    out(pic, 0x21, 0x04);
    out(pic, 0x21, 0x01);
    EXPECT_EQ(in(pic, 0x21), 0);
    EXPECT_FALSE(line.level);
    raise(4);
    EXPECT_FALSE(line.level) << "no edge: it was high all the time";
}

TEST_F(PicTest, SpecialFullyNestedLetsTheSlaveInterruptItself) {
    initialize(0x11);
    raise(12);
    EXPECT_EQ(pic.acknowledge(), 0x3C);
    raise(9);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(pic.acknowledge(), 0x39);
}

}  // namespace
}  // namespace redoubt::vmmd
