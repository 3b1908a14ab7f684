// Where frames that are physical neighbours have to be mapped.
#include "libhvcall/native/neighbours.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::native {
namespace {

constexpr std::uint64_t kPage = 4096;

std::uint64_t skew_of(const std::vector<std::uint64_t>& sizes) {
    return skew_of_neighbours(sizes, [](std::uint64_t bytes) { return bytes; });
}

TEST(Neighbours, LargeFramesComeToMultiplesOf2MiB) {
    EXPECT_EQ(skew_of({}), 0U);
    EXPECT_EQ(skew_of({kLargePageBytes, kPage}), 0U);
    EXPECT_EQ(skew_of({2 * kLargePageBytes}), 0U);
    EXPECT_EQ(skew_of({kPage, 2 * kPage, kLargePageBytes, kPage}), kLargePageBytes - 3 * kPage);
}

TEST(Neighbours, SmallOnesMayLieAnywhere) {
    EXPECT_EQ(skew_of({kPage}), kLargePageBytes - kPage);
    EXPECT_EQ(skew_of(std::vector<std::uint64_t>(512, kPage)), 0U);
}

}  // namespace
}  // namespace redoubt::native
