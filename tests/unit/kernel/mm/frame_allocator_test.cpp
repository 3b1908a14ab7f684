// FramePool: hands out every frame once, zeroed, and takes them back.
#include "kernel/mm/frame_allocator.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/kernel/mm/emulated_memory.hpp"

namespace redoubt::kernel {
namespace {

constexpr std::size_t kFrames = 8;

TEST(FramePool, hands_out_every_frame_once_then_fails) {
    const test::EmulatedMemory memory{kFrames};
    FramePool pool{memory.frame(0), kFrames};
    std::set<std::uint64_t> seen;
    for (std::size_t i = 0; i < kFrames; ++i) {
        EXPECT_EQ(pool.free_count(), kFrames - i);
        const auto frame = pool.allocate_zeroed();
        ASSERT_TRUE(frame.ok());
        EXPECT_TRUE(seen.insert(frame.value().value()).second);
    }
    EXPECT_EQ(pool.allocate_zeroed().error(), abi::Error::NoMemory);
}

TEST(FramePool, returned_frames_come_out_zero_again) {
    const test::EmulatedMemory memory{1};
    FramePool pool{memory.frame(0), 1};
    const PhysicalAddress frame = pool.allocate_zeroed().value();
    pool.free(frame);
    EXPECT_EQ(pool.free_count(), 1U);
    const PhysicalAddress again = pool.allocate_zeroed().value();
    EXPECT_EQ(again, frame);
    for (std::size_t i = 0; i < kPageSize; ++i) EXPECT_EQ(direct_map<std::uint8_t>(again)[i], 0);
}

}  // namespace
}  // namespace redoubt::kernel
