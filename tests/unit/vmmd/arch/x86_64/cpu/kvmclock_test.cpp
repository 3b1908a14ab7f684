// KVM's clock: what Linux computes from the structure must be the time.
#include "vmmd/arch/x86_64/cpu/kvmclock.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace redoubt::vmmd {
namespace {

struct TimeInfo {
    std::uint32_t version, pad0;
    std::uint64_t tsc_timestamp, system_time;
    std::uint32_t multiplier;
    std::int8_t shift;
    std::uint8_t flags, pad[2];
};

/// pvclock_scale_delta() of Linux.
std::uint64_t nanoseconds(const TimeInfo& info, std::uint64_t tsc) {
    auto delta = tsc - info.tsc_timestamp;
    delta = info.shift < 0 ? delta >> -info.shift : delta << info.shift;
    return info.system_time + static_cast<std::uint64_t>(
                                  (static_cast<unsigned __int128>(delta) * info.multiplier) >> 32);
}

TEST(KvmClock, ShowsTheTimeForSlowAndFastCounters) {
    std::vector<std::uint8_t> ram(4096);
    hvcall::GuestMemory memory;
    memory.add(hvcall::GuestPhysicalAddress{0}, ram);
    for (const std::uint64_t hz :
         {10'000'000ULL, 999'999'999ULL, 1'000'000'000ULL, 2'596'116'000ULL, 5'000'000'000ULL}) {
        KvmClock clock(memory, hz);
        ASSERT_TRUE(clock.write_system_time(0x100 | 1));
        const auto info = *memory.read<TimeInfo>(hvcall::GuestPhysicalAddress{0x100});
        EXPECT_EQ(info.version % 2, 0U);
        EXPECT_EQ(info.flags, 1);
        const auto hour = nanoseconds(info, hz * 3600);
        EXPECT_NEAR(static_cast<double>(hour), 3.6e12, 3.6e12 * 1e-8) << hz;
    }
}

TEST(KvmClock, RefusesWhatIsNoMemory) {
    std::vector<std::uint8_t> ram(4096);
    hvcall::GuestMemory memory;
    memory.add(hvcall::GuestPhysicalAddress{0}, ram);
    KvmClock clock(memory, 1'000'000'000);
    EXPECT_FALSE(clock.write_system_time(0x1000 | 1));
    EXPECT_FALSE(clock.write_system_time(0xFF0 | 1));
    EXPECT_FALSE(clock.write_wall_clock(0xFFD, 1));
    EXPECT_TRUE(clock.write_system_time(0)) << "switching it off needs no address";
    EXPECT_TRUE(clock.write_wall_clock(0x10, 1'700'000'000));
    EXPECT_EQ(memory.read<std::uint32_t>(hvcall::GuestPhysicalAddress{0x14}), 1'700'000'000U);
}

}  // namespace
}  // namespace redoubt::vmmd
