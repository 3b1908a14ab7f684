// The 8254 as systems use it: periodic ticks, one-shots, and calibration through port 0x61.
#include "vmmd/arch/x86_64/devices/pit.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class PitTest : public DeviceTest {
  protected:
    static Nanoseconds ticks(std::uint64_t count) {
        return {multiply_divide(count, kNanosecondsPerSecond, Pit::kFrequencyHz) + 1};
    }
    void program(unsigned channel, unsigned mode, std::uint16_t count) {
        out(pit, 0x43, channel << 6 | 3 << 4 | mode << 1);
        out(pit, 0x40 + channel, count & 0xFF);
        out(pit, 0x40 + channel, count >> 8);
    }
    unsigned latched(unsigned channel) {
        out(pit, 0x43, channel << 6);
        const unsigned low = in(pit, 0x40 + channel);
        return low | in(pit, 0x40 + channel) << 8;
    }

    Pit pit{timers, line};
};

TEST_F(PitTest, RateGeneratorTicksAtItsRate) {
    program(0, 2, 11932);  // 100 Hz
    line.rises = 0;
    advance(whole_seconds(1));
    EXPECT_GE(line.rises, 99U);
    EXPECT_LE(line.rises, 101U);
}

TEST_F(PitTest, SquareWaveTicksAtItsRateToo) {
    program(0, 3, 0);  // 18.2 Hz
    line.rises = 0;
    advance(whole_seconds(10));
    EXPECT_EQ(line.rises, 182U);
}

TEST_F(PitTest, TicksThatNobodyRanAreLostAndTheRhythmStays) {
    program(0, 2, 11932);
    line.rises = 0;
    clock.advance(milliseconds(95));
    timers.run_expired();
    EXPECT_EQ(line.rises, 1U);
    advance(milliseconds(6));
    EXPECT_EQ(line.rises, 2U);
}

TEST_F(PitTest, AnAbsurdRateDoesNotKeepTheQueueBusy) {
    program(0, 2, 1);
    clock.advance(milliseconds(1));
    timers.run_expired();
    EXPECT_GE(timers.next_deadline(), clock.now() + kShortestPeriod);
}

TEST_F(PitTest, OneShotRaisesOnceAndStays) {
    program(0, 0, 1000);
    EXPECT_FALSE(line.level);
    advance(ticks(990));
    EXPECT_FALSE(line.level);
    advance(ticks(20));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(timers.next_deadline(), kNever);
    program(0, 0, 1000);
    EXPECT_FALSE(line.level) << "a new count lowers OUT";
}

TEST_F(PitTest, SoftwareStrobeIsHighButForOneTick) {
    program(0, 4, 500);
    EXPECT_TRUE(line.level);
    const auto before = line.rises;
    advance(ticks(600));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(line.rises, before + 1);
    advance(whole_seconds(1));
    EXPECT_EQ(line.rises, before + 1);
}

TEST_F(PitTest, CountsDownWithTheClock) {
    program(0, 2, 10000);
    EXPECT_EQ(latched(0), 10000U);
    advance(ticks(3000));
    EXPECT_NEAR(latched(0), 7000, 1);
    advance(ticks(8000));
    EXPECT_NEAR(latched(0), 9000, 2);
}

TEST_F(PitTest, LatchHoldsUntilReadAndIgnoresASecondOne) {
    program(0, 2, 10000);
    out(pit, 0x43, 0x00);
    advance(ticks(500));
    out(pit, 0x43, 0x00);
    EXPECT_EQ(in(pit, 0x40), 10000 & 0xFF);
    EXPECT_EQ(in(pit, 0x40), 10000 >> 8);
    EXPECT_NEAR(latched(0), 9500, 1);
}

TEST_F(PitTest, ReadBackGivesStatusThenCount) {
    out(pit, 0x43, 0x34);
    out(pit, 0x43, 0xE2);  // status of channel 0
    EXPECT_EQ(in(pit, 0x40), 0x80 | 0x40 | 0x34) << "OUT high, null count";
    program(0, 2, 0x1234);
    out(pit, 0x43, 0xC2);  // count and status
    EXPECT_EQ(in(pit, 0x40) & 0x7F, 0x34);
    EXPECT_EQ(in(pit, 0x40), 0x34);
    EXPECT_EQ(in(pit, 0x40), 0x12);
}

TEST_F(PitTest, ANewPeriodStartsWhenTheOldOneEnds) {
    program(0, 2, 10000);
    advance(ticks(4000));
    out(pit, 0x40, 2000 & 0xFF);
    out(pit, 0x40, 2000 >> 8);
    EXPECT_NEAR(latched(0), 6000, 2);
    advance(ticks(7000));
    EXPECT_NEAR(latched(0), 1000, 5);
}

TEST_F(PitTest, LinuxCalibratesWithChannelTwoAndPort61) {
    // pit_calibrate_tsc: gate on, speaker off, mode 0, poll OUT2.
    out(pit, 0x61, (in(pit, 0x61) & ~0x02) | 0x01);
    const std::uint16_t latch = Pit::kFrequencyHz / 100;
    program(2, 0, latch);
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0);
    advance(milliseconds(9));
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0);
    advance(milliseconds(2));
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0x20);
}

TEST_F(PitTest, QuickCalibrationSeesTheHighByteFall) {
    // quick_pit_calibrate: reads without latching, low byte then high byte.
    out(pit, 0x61, 0x01);
    program(2, 0, 0xFFFF);
    in(pit, 0x42);
    EXPECT_EQ(in(pit, 0x42), 0xFF);
    advance(ticks(300));
    in(pit, 0x42);
    EXPECT_EQ(in(pit, 0x42), 0xFE);
}

TEST_F(PitTest, GatePausesModeZeroAndRestartsTheOthers) {
    out(pit, 0x61, 0x01);
    program(2, 0, 1000);
    advance(ticks(400));
    out(pit, 0x61, 0x00);
    advance(ticks(5000));
    EXPECT_NEAR(latched(2), 600, 2);
    out(pit, 0x61, 0x01);
    advance(ticks(100));
    EXPECT_NEAR(latched(2), 500, 3);

    program(2, 2, 1000);
    advance(ticks(400));
    out(pit, 0x61, 0x00);
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0x20);
    out(pit, 0x61, 0x01);
    EXPECT_EQ(latched(2), 1000U);

    out(pit, 0x61, 0x00);
    program(2, 1, 1000);  // waits for the gate
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0x20);
    out(pit, 0x61, 0x01);
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0x00);
    advance(ticks(1001));
    EXPECT_EQ(in(pit, 0x61) & 0x20, 0x20);
}

TEST_F(PitTest, RefreshBitToggles) {
    const auto first = in(pit, 0x61) & 0x10;
    advance(ticks(18));
    EXPECT_NE(in(pit, 0x61) & 0x10, first);
}

TEST_F(PitTest, CountsInDecimalWhenAsked) {
    out(pit, 0x43, 0x35);
    out(pit, 0x40, 0x00);
    out(pit, 0x40, 0x10);
    EXPECT_EQ(latched(0), 0x1000U);
    advance(ticks(1));
    EXPECT_EQ(latched(0), 0x0999U);
}

}  // namespace
}  // namespace redoubt::vmmd
