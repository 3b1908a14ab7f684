// INT3 in memory, and that nobody who looks sees it.
#include "vmmd/debug/software_breakpoints.hpp"

#include <gtest/gtest.h>

#include <array>

namespace redoubt::vmmd {
namespace {

class SoftwareBreakpointsTest : public testing::Test {
  protected:
    std::span<std::uint8_t, 1> byte(std::size_t at) {
        return std::span(memory_).subspan(at).first<1>();
    }
    std::array<std::uint8_t, 8> memory_ = {0, 1, 2, 3, 4, 5, 6, 7};
    SoftwareBreakpoints breakpoints_;
};

TEST_F(SoftwareBreakpointsTest, TheyAreInMemoryButNotInWhatIsRead) {
    breakpoints_.insert(0x1003, byte(3));
    EXPECT_EQ(memory_[3], 0xCC);
    EXPECT_TRUE(breakpoints_.contains(0x1003));
    auto copy = memory_;
    breakpoints_.hide(0x1000, copy);
    EXPECT_EQ(copy[3], 3);
    auto part = std::array<std::uint8_t, 2>{4, 5};
    breakpoints_.hide(0x1004, part);
    EXPECT_EQ(part[0], 4);
    breakpoints_.remove(0x1003);
    EXPECT_EQ(memory_[3], 3);
    EXPECT_TRUE(breakpoints_.empty());
}

TEST_F(SoftwareBreakpointsTest, InsertingTwiceKeepsWhatWasThere) {
    breakpoints_.insert(0x1003, byte(3));
    breakpoints_.insert(0x1003, byte(3));
    breakpoints_.remove_all();
    EXPECT_EQ(memory_[3], 3);
}

TEST_F(SoftwareBreakpointsTest, WritesGoUnderThem) {
    breakpoints_.insert(0x1003, byte(3));
    breakpoints_.write_under(0x1002, std::span(memory_).subspan(2, 3),
                             std::array<std::uint8_t, 3>{0x22, 0x33, 0x44});
    EXPECT_EQ(memory_[2], 0x22);
    EXPECT_EQ(memory_[3], 0xCC);
    EXPECT_EQ(memory_[4], 0x44);
    breakpoints_.remove(0x1003);
    EXPECT_EQ(memory_[3], 0x33);
}

TEST_F(SoftwareBreakpointsTest, WhatTheGuestHasWrittenMeanwhileStays) {
    breakpoints_.insert(0x1003, byte(3));
    memory_[3] = 0x90;
    auto copy = memory_;
    breakpoints_.hide(0x1000, copy);
    EXPECT_EQ(copy[3], 0x90);
    breakpoints_.remove(0x1003);
    EXPECT_EQ(memory_[3], 0x90);
}

}  // namespace
}  // namespace redoubt::vmmd
