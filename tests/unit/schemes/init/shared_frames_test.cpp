// Which frames processes that run the same program share.
#include "schemes/init/shared_frames.hpp"

#include <gtest/gtest.h>

namespace redoubt::init {
namespace {

TEST(SharedFrames, OneForEachPartOfAProgram) {
    const std::byte program[2]{};
    SharedFrames frames;
    SharedFrame* first = frames.get(&program[0], 0);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->frame, 0U);
    first->frame = 7;
    EXPECT_EQ(frames.get(&program[0], 0), first);
    EXPECT_EQ(frames.get(&program[0], 0)->frame, 7U);
    EXPECT_EQ(frames.get(&program[0], 8)->frame, 0U);
    EXPECT_EQ(frames.get(&program[1], 0)->frame, 0U);
    EXPECT_NE(frames.get(&program[1], 0), first);
}

TEST(SharedFrames, FullMeansNone) {
    const std::byte program{};
    SharedFrames frames;
    std::uint32_t page = 0;
    while (frames.get(&program, page) != nullptr) ASSERT_LT(++page, 100'000U);
    EXPECT_GE(page, 64U);
    EXPECT_EQ(frames.get(&program, page), nullptr);
    EXPECT_NE(frames.get(&program, page - 1), nullptr);
}

}  // namespace
}  // namespace redoubt::init
