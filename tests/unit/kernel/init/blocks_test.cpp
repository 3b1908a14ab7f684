// How memory is cut up.
#include "kernel/init/blocks.hpp"

#include <gtest/gtest.h>

namespace redoubt::kernel {
namespace {

TEST(BlocksTest, CoverTheRangeExactlyWithAlignedBlocks) {
    std::uint64_t at = 0x3000;
    for_each_block(PhysicalAddress{0x3000}, PhysicalAddress{0x4567'8000}, 30,
                   [&](PhysicalAddress address, unsigned bits) {
                       EXPECT_EQ(address.value(), at);
                       EXPECT_LE(bits, 30U);
                       EXPECT_TRUE(address.is_aligned(1ULL << bits));
                       at += 1ULL << bits;
                   });
    EXPECT_EQ(at, 0x4567'8000U);
}

}  // namespace
}  // namespace redoubt::kernel
