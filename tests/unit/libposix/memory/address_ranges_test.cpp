// Tests of the list of free address ranges.
#include "libposix/memory/address_ranges.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace redoubt::posix {
namespace {

TEST(AddressRanges, ReservesAlignedAndInsideWhatIsFree) {
    AddressRanges ranges;
    ranges.release(0x1000, 0x10000);
    EXPECT_EQ(ranges.reserve(0x1000, 0x4000), 0x4000U);
    EXPECT_EQ(ranges.reserve(0x1000, 0x1000), 0x1000U);
    EXPECT_EQ(ranges.reserve(0xC000, 0x1000), 0U);
    EXPECT_EQ(ranges.reserve(0xB000, 0x1000), 0x5000U);
    EXPECT_EQ(ranges.reserve(0x2000, 0x1000), 0x2000U);
    EXPECT_EQ(ranges.reserve(0x1000, 0x1000), 0U);
}

TEST(AddressRanges, NeighboursMergeWhateverTheOrder) {
    AddressRanges ranges;
    ranges.release(0x3000, 0x4000);
    ranges.release(0x1000, 0x2000);
    ranges.release(0x2000, 0x3000);
    EXPECT_EQ(ranges.reserve(0x3000, 0x1000), 0x1000U);
    EXPECT_EQ(ranges.reserve(0x1000, 0x1000), 0U);
}

TEST(AddressRanges, OverflowingRequestsFail) {
    AddressRanges ranges;
    ranges.release(0x1000, 0x10000);
    EXPECT_EQ(ranges.reserve(~std::size_t{0} - 0x1000, 0x1000), 0U);
    EXPECT_EQ(ranges.reserve(0x1000, std::size_t{1} << 63), 0U);
    EXPECT_EQ(ranges.reserve(0xF000, 0x1000), 0x1000U);
}

}  // namespace
}  // namespace redoubt::posix
