// The byte queue keeps order across its wrap-around and never exceeds its bound.
#include "schemes/libscheme/ring_buffer.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/bytes.hpp"

namespace redoubt {
namespace {

using test::bytes_of;

std::string pop(scheme::RingBuffer& ring, std::size_t size) {
    std::vector<std::byte> out(size);
    const std::size_t count = ring.pop(out);
    return test::text_of(std::span(out).first(count));
}

TEST(RingBuffer, TakesOnlyWhatFitsAndGivesItBackInOrder) {
    scheme::RingBuffer ring(4);
    EXPECT_EQ(ring.push(bytes_of("abcdef")), 4U);
    EXPECT_EQ(pop(ring, 3), "abc");
    EXPECT_EQ(ring.push(bytes_of("ghi")), 3U);
    EXPECT_EQ(ring.room(), 0U);
    EXPECT_EQ(pop(ring, 10), "dghi");
    EXPECT_TRUE(ring.empty());
    EXPECT_EQ(pop(ring, 1), "");
}

TEST(RingBuffer, AsAHistoryForgetsTheOldest) {
    scheme::RingBuffer ring(4);
    ring.push_over(bytes_of("abc"));
    ring.push_over(bytes_of("de"));
    std::vector<std::byte> out(2);
    EXPECT_EQ(ring.peek(1, out), 2U);
    EXPECT_EQ(test::text_of(out), "cd");
    ring.push_over(bytes_of("0123456789"));
    EXPECT_EQ(pop(ring, 10), "6789");
}

}  // namespace
}  // namespace redoubt
