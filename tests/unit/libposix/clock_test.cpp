// Tests of the conversions between ticks and nanoseconds.
#include "libposix/clock.hpp"

#include <gtest/gtest.h>
#include <linux/errno.h>

#include "abi/object.hpp"

namespace redoubt::posix {
namespace {

TEST(Clock, ConvertsWithoutDriftOverDays) {
    Clock clock;
    clock.initialize(2'596'000'000, 0);
    constexpr std::uint64_t kDay = 86'400;
    const std::uint64_t nanoseconds = clock.to_nanoseconds(2'596'000'000 * kDay);
    EXPECT_NEAR(static_cast<double>(nanoseconds), static_cast<double>(kDay) * 1e9, 1e6);
}

TEST(Clock, ADeadlineIsNeverEarly) {
    Clock clock;
    for (const std::uint64_t frequency : {1'000'000'000ULL, 24'000'000ULL, 2'596'123'457ULL}) {
        clock.initialize(frequency, 0);
        for (const std::uint64_t time :
             {1ULL, 999ULL, 1'000'000ULL, 123'456'789'012ULL, 86'400'000'000'001ULL}) {
            EXPECT_GE(clock.to_nanoseconds(clock.to_ticks(time)), time) << frequency;
        }
    }
}

TEST(Clock, FarTimesAreNever) {
    Clock clock;
    clock.initialize(2'596'000'000, 0);
    EXPECT_EQ(clock.to_ticks(~std::uint64_t{0} - 5), abi::kNever);
    EXPECT_EQ(saturating_add(~std::uint64_t{0}, 7), abi::kNever);
}

TEST(Clock, RealTimeCountsFromTheBoot) {
    Clock clock;
    clock.initialize(1'000'000'000, 1'700'000'000);
    EXPECT_EQ(clock.real_offset(), 1'700'000'000ULL * kNanosecondsPerSecond);
    std::uint64_t time = 0;
    EXPECT_TRUE(clock.read(0, time));
    EXPECT_GE(time, clock.real_offset());
    EXPECT_FALSE(clock.read(42, time));
}

TEST(Timespec, RefusesWhatLinuxRefuses) {
    std::uint64_t nanoseconds = 0;
    EXPECT_EQ(read_timespec({.tv_sec = 1, .tv_nsec = 1'000'000'000}, nanoseconds), -EINVAL);
    EXPECT_EQ(read_timespec({.tv_sec = -1, .tv_nsec = 0}, nanoseconds), -EINVAL);
    EXPECT_EQ(read_timespec({.tv_sec = 2, .tv_nsec = 5}, nanoseconds), 0);
    EXPECT_EQ(nanoseconds, 2'000'000'005U);
    EXPECT_EQ(read_timespec({.tv_sec = 1LL << 62, .tv_nsec = 0}, nanoseconds), 0);
    EXPECT_EQ(nanoseconds, abi::kNever);
}

}  // namespace
}  // namespace redoubt::posix
