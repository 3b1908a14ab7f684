// The real-time clock: time in every format, setting it, its three interrupts, CMOS RAM.
#include "vmmd/arch/x86_64/devices/rtc.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

using namespace std::chrono_literals;

class RtcTest : public DeviceTest {
  protected:
    std::uint8_t get(std::uint8_t index) {
        out(rtc, 0, index);
        return in(rtc, 1);
    }
    void put(std::uint8_t index, std::uint8_t value) {
        out(rtc, 0, index);
        out(rtc, 1, value);
    }
    std::array<unsigned, 3> time() { return {get(4), get(2), get(0)}; }

    static constexpr auto kNow = std::chrono::sys_days(2024y / 2 / 29) + 23h + 59min + 58s;
    Rtc rtc{timers, line, kNow, 6ULL << 30};
};

TEST_F(RtcTest, ShowsTheTimeInBcdAndCarriesIntoTheNextDay) {
    EXPECT_EQ(time(), (std::array{0x23U, 0x59U, 0x58U}));
    EXPECT_EQ(get(7), 0x29);
    EXPECT_EQ(get(8), 0x02);
    EXPECT_EQ(get(9), 0x24);
    EXPECT_EQ(get(Rtc::kCenturyRegister), 0x20);
    EXPECT_EQ(get(6), 5) << "a Thursday";
    advance(whole_seconds(3));
    EXPECT_EQ(time(), (std::array{0U, 0U, 1U}));
    EXPECT_EQ(get(7), 0x01);
    EXPECT_EQ(get(8), 0x03);
    EXPECT_EQ(get(6), 6);
}

TEST_F(RtcTest, BinaryAndTwelveHourFormats) {
    put(0x0B, 0x06);
    EXPECT_EQ(time(), (std::array{23U, 59U, 58U}));
    put(0x0B, 0x00);
    EXPECT_EQ(get(4), 0x91) << "11 pm";
    advance(whole_seconds(3));
    EXPECT_EQ(get(4), 0x12) << "midnight is 12 am";
}

TEST_F(RtcTest, UpdateInProgressIsAnnouncedAndEnds) {
    EXPECT_EQ(get(0x0A), 0x26);
    advance({kNanosecondsPerSecond - 1'000'000});
    EXPECT_EQ(get(0x0A), 0xA6);
    EXPECT_EQ(get(0), 0x58);
    advance(milliseconds(1));
    EXPECT_EQ(get(0x0A), 0x26);
    EXPECT_EQ(get(0), 0x59);
}

TEST_F(RtcTest, LinuxSetsTheTimeWithSetAndDividerReset) {
    // mc146818_set_time: SET, divider reset, fields, back.
    put(0x0B, get(0x0B) | 0x80);
    const auto divider = get(0x0A);
    put(0x0A, divider | 0x70);
    put(0, 0x30);
    put(2, 0x15);
    put(4, 0x10);
    put(7, 0x05);
    put(8, 0x11);
    put(9, 0x30);
    advance(whole_seconds(7));
    EXPECT_EQ(time(), (std::array{0x10U, 0x15U, 0x30U})) << "halted";
    put(0x0B, get(0x0B) & 0x7F);
    put(0x0A, divider);
    advance(milliseconds(499));
    EXPECT_EQ(get(0), 0x30);
    advance(milliseconds(2));
    EXPECT_EQ(get(0), 0x31) << "the first update comes half a second after the divider is let go";
    EXPECT_EQ(get(9), 0x30);
    EXPECT_EQ(get(8), 0x11);
}

TEST_F(RtcTest, AFieldWrittenWhileRunningKeepsTheOthers) {
    put(4, 0x08);
    EXPECT_EQ(time(), (std::array{0x08U, 0x59U, 0x58U}));
    advance(whole_seconds(2));
    EXPECT_EQ(time(), (std::array{0x09U, 0x00U, 0x00U}));
    EXPECT_EQ(get(7), 0x29);
}

TEST_F(RtcTest, NonsenseFieldsAreSomeTime) {
    put(8, 0xFF);
    put(7, 0x00);
    put(4, 0x77);
    EXPECT_EQ(get(8), 0x12);
    EXPECT_EQ(get(7), 0x01);
}

TEST_F(RtcTest, PeriodicInterruptWaitsForRegisterC) {
    put(0x0A, 0x2F);  // 2 Hz
    put(0x0B, 0x42);
    get(0x0C);
    advance(milliseconds(501));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(timers.next_deadline(), kNever) << "nothing to wake up for until it is read";
    EXPECT_EQ(get(0x0C), 0xC0);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(get(0x0C), 0);
    line.rises = 0;
    for (int i = 0; i < 100; ++i) {
        advance(milliseconds(100));
        get(0x0C);
    }
    EXPECT_EQ(line.rises, 20U);
}

TEST_F(RtcTest, FlagsAreSetWithoutTheirInterrupts) {
    get(0x0C);
    advance(whole_seconds(1));
    EXPECT_FALSE(line.level);
    EXPECT_EQ(get(0x0C), 0x50) << "periodic at 1,024 Hz, and update ended";
}

TEST_F(RtcTest, UpdateEndedInterruptComesEachSecond) {
    put(0x0B, 0x12);
    advance(milliseconds(999));
    EXPECT_FALSE(line.level);
    advance(milliseconds(1));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(get(0x0C) & 0x90, 0x90);
    put(0x0B, 0x92);
    EXPECT_EQ(get(0x0B), 0x82) << "SET switches it off";
}

TEST_F(RtcTest, AlarmAtATimeAndWithDontCares) {
    put(5, 0x00);
    put(3, 0x01);
    put(1, 0x05);
    put(0x0B, 0x22);
    advance(whole_seconds(66));
    EXPECT_FALSE(line.level);
    advance(whole_seconds(1));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(get(0x0C) & 0xA0, 0xA0);

    put(5, 0xFF);
    put(3, 0xC0);  // every hour and minute, at second 5
    advance(whole_seconds(59));
    EXPECT_FALSE(line.level);
    advance(whole_seconds(1));
    EXPECT_TRUE(line.level);

    get(0x0C);
    put(1, 0x61);  // never
    advance(whole_seconds(200'000));
    EXPECT_FALSE(line.level);
}

TEST_F(RtcTest, RamKeepsAndFirmwareFindsTheMemorySize) {
    put(0x0F, 0xA5);
    EXPECT_EQ(get(0x0F), 0xA5);
    EXPECT_EQ(get(0x0D), 0x80);
    EXPECT_EQ(get(0x15) | get(0x16) << 8, 640);
    EXPECT_EQ(get(0x34) | get(0x35) << 8, 0xFFFF);
    EXPECT_EQ(get(0x5B) | get(0x5C) << 8 | get(0x5D) << 16, 0x8000);
    out(rtc, 0, 0x80 | 0x0F);  // NMI mask bit
    EXPECT_EQ(in(rtc, 1), 0xA5);
}

TEST_F(RtcTest, ResetKeepsTimeAndRam) {
    put(0x0F, 0xA5);
    put(0x0B, 0x12);
    advance(whole_seconds(1));
    rtc.reset();
    EXPECT_FALSE(line.level);
    EXPECT_EQ(get(0x0B), 0x02);
    EXPECT_EQ(get(0x0F), 0xA5);
    EXPECT_EQ(get(0), 0x59);
}

}  // namespace
}  // namespace redoubt::vmmd
