// Tests of the slot allocator.
#include "libhvcall/native/slot_allocator.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace redoubt::native {
namespace {

TEST(SlotAllocator, StartsAtTheFirstFreeSlotAndEndsWithTheCnode) {
    auto slots = std::make_unique<SlotAllocator>();
    slots->initialize(20, 24);
    EXPECT_EQ(slots->free_count(), 4U);
    for (abi::CapabilityIndex expected = 20; expected < 24; ++expected) {
        EXPECT_EQ(slots->allocate(), expected);
    }
    EXPECT_EQ(slots->allocate(), 0U);
}

TEST(SlotAllocator, GivesConsecutiveSlotsAcrossWords) {
    auto slots = std::make_unique<SlotAllocator>();
    slots->initialize(60, 1024);
    const auto first = slots->allocate(200);
    ASSERT_NE(first, 0U);
    EXPECT_GE(slots->allocate(), first + 200);
}

TEST(SlotAllocator, FreedSlotsAreFoundAgainAlsoBelowTheHint) {
    auto slots = std::make_unique<SlotAllocator>();
    slots->initialize(1, 256);
    for (int i = 1; i < 256; ++i) ASSERT_NE(slots->allocate(), 0U);
    slots->free(70, 3);
    slots->free(10);
    EXPECT_EQ(slots->allocate(3), 70U);
    EXPECT_EQ(slots->allocate(), 10U);
    EXPECT_EQ(slots->allocate(), 0U);
}

TEST(SlotAllocator, NeverGivesSlotZero) {
    auto slots = std::make_unique<SlotAllocator>();
    slots->initialize(0, 8);
    for (int i = 0; i < 7; ++i) EXPECT_NE(slots->allocate(), 0U);
    EXPECT_EQ(slots->allocate(), 0U);
}

}  // namespace
}  // namespace redoubt::native
