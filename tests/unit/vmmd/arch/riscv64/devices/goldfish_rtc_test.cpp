// Goldfish's clock by its registers.
#include "vmmd/arch/riscv64/devices/goldfish_rtc.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

constexpr std::uint64_t kStart = 1'800'000'000'000'000'000;

class GoldfishRtcTest : public DeviceTest {
  protected:
    std::uint64_t time() {
        const auto low = in(rtc, 0x00, 4);
        return in(rtc, 0x04, 4) << 32 | low;
    }
    void set_alarm(std::uint64_t at) {
        out(rtc, 0x0C, at >> 32, 4);
        out(rtc, 0x08, at & 0xFFFF'FFFF, 4);
    }
    GoldfishRtc rtc{timers, line, kStart};
};

TEST_F(GoldfishRtcTest, TimePasses) {
    EXPECT_EQ(time(), kStart);
    advance(whole_seconds(3));
    EXPECT_EQ(time(), kStart + 3'000'000'000);
}

TEST_F(GoldfishRtcTest, TheHighHalfBelongsToTheLastLowOne) {
    const auto low = in(rtc, 0x00, 4);
    advance(whole_seconds(10));
    EXPECT_EQ(in(rtc, 0x04, 4) << 32 | low, kStart);
}

TEST_F(GoldfishRtcTest, ItCanBeSet) {
    out(rtc, 0x04, 1, 4);
    out(rtc, 0x00, 5, 4);
    EXPECT_EQ(time(), 0x1'0000'0005U);
}

TEST_F(GoldfishRtcTest, AnAlarmRaisesTheLineIfItIsEnabled) {
    out(rtc, 0x10, 1, 4);
    set_alarm(kStart + 1'000'000'000);
    EXPECT_EQ(in(rtc, 0x18, 4), 1U);
    advance(milliseconds(999));
    EXPECT_FALSE(line.level);
    advance(milliseconds(1));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(in(rtc, 0x18, 4), 0U);
    out(rtc, 0x1C, 1, 4);
    EXPECT_FALSE(line.level);
}

TEST_F(GoldfishRtcTest, AnAlarmInThePastIsDueAndOneThatIsClearedNever) {
    out(rtc, 0x10, 1, 4);
    set_alarm(kStart + 1'000'000'000);
    out(rtc, 0x14, 1, 4);
    advance(whole_seconds(2));
    EXPECT_FALSE(line.level);
    set_alarm(1);
    EXPECT_TRUE(line.level);
    rtc.reset();
    EXPECT_FALSE(line.level);
    EXPECT_EQ(time(), kStart + 2'000'000'000);
    set_alarm(~0ULL);
    EXPECT_FALSE(line.level);
}

}  // namespace
}  // namespace redoubt::vmmd
