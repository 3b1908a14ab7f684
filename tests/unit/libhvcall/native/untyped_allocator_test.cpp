// Tests of the buddy allocator over Untyped capabilities, and of the objects made from it.
#include "libhvcall/native/untyped_allocator.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <vector>

#include "libhvcall/native/object_allocator.hpp"
#include "tests/unit/libhvcall/native/fake_kernel.hpp"

namespace redoubt::native {
namespace {

/// Slots of these tests lie above those that libposix's tests use in the same kernel.
constexpr Slot kRoot = 40000;

struct UntypedAllocatorTest : testing::Test {
    UntypedAllocatorTest() {
        test::FakeKernel::instance().add_untyped(kRoot, 24);
        slots->initialize(kRoot + 1, kRoot + 2000);
        capabilities = test::FakeKernel::instance().live_capabilities();
        slot_count = slots->free_count();
        untyped->add(kRoot, 24);
    }
    void expect_everything_back() {
        EXPECT_EQ(test::FakeKernel::instance().free_bytes(kRoot), 1U << 24);
        EXPECT_EQ(test::FakeKernel::instance().live_capabilities(), capabilities);
        EXPECT_EQ(slots->free_count(), slot_count);
        EXPECT_EQ(untyped->free_bytes(), 1U << 24);
    }

    std::unique_ptr<SlotAllocator> slots = std::make_unique<SlotAllocator>();
    std::unique_ptr<UntypedAllocator> untyped = std::make_unique<UntypedAllocator>(*slots);
    std::size_t capabilities = 0;
    std::uint32_t slot_count = 0;
};

TEST_F(UntypedAllocatorTest, GivesTheWholeAndNothingMore) {
    EXPECT_EQ(untyped->allocate(24), kRoot);
    EXPECT_EQ(untyped->allocate(12), 0U);
    untyped->release(kRoot);
    expect_everything_back();
}

TEST_F(UntypedAllocatorTest, SplitsToTheSizeAskedForAndMergesAgain) {
    const Slot small = untyped->allocate(12);
    ASSERT_NE(small, 0U);
    const auto identity = identify(small);
    EXPECT_EQ(identity.value.type, abi::ObjectType::Untyped);
    EXPECT_EQ(identity.value.size_bits, 12U);
    EXPECT_EQ(untyped->largest_free(), 23U);
    untyped->release(small);
    expect_everything_back();
}

TEST_F(UntypedAllocatorTest, ReleasingRevokesWhatWasMadeFromTheBlock) {
    const Slot block = untyped->allocate(16);
    const Slot frames = slots->allocate(4);
    ASSERT_TRUE(ok(retype(block, abi::ObjectType::Frame, 12, frames, 4)));
    untyped->release(block);
    EXPECT_FALSE(identify(frames));
    slots->free(frames, 4);
    expect_everything_back();
}

TEST_F(UntypedAllocatorTest, AnyOrderOfUseGivesEverythingBack) {
    std::mt19937 random{7};
    std::vector<Slot> held;
    std::set<Slot> distinct;
    for (int step = 0; step < 2000; ++step) {
        if (held.empty() || random() % 5 < 3) {
            const Slot slot = untyped->allocate(12 + random() % 8);
            if (slot == 0) continue;
            EXPECT_TRUE(distinct.insert(slot).second);
            held.push_back(slot);
        } else {
            const std::size_t index = random() % held.size();
            untyped->release(held[index]);
            distinct.erase(held[index]);
            held.erase(held.begin() + static_cast<std::ptrdiff_t>(index));
        }
    }
    for (const Slot slot : held) untyped->release(slot);
    expect_everything_back();
}

TEST_F(UntypedAllocatorTest, RunningOutOfSlotsIsNotRunningOutOfMemory) {
    const Slot all = slots->allocate(slot_count - 1);
    ASSERT_NE(all, 0U);
    EXPECT_EQ(untyped->allocate(20), 0U);
    slots->free(all, slot_count - 1);
    const Slot block = untyped->allocate(20);
    EXPECT_NE(block, 0U);
    untyped->release(block);
    expect_everything_back();
}

TEST_F(UntypedAllocatorTest, SmallObjectsShareAPageAndGiveItBack) {
    auto objects = std::make_unique<ObjectAllocator>(*slots, *untyped);
    std::vector<Slot> made;
    for (int i = 0; i < 40; ++i) {
        made.push_back(objects->allocate(abi::ObjectType::Notification));
        ASSERT_NE(made.back(), 0U);
    }
    EXPECT_EQ(untyped->free_bytes(), (1U << 24) - 3 * 4096);
    EXPECT_EQ(untyped->used_bytes(), 3U * 4096);
    for (const Slot slot : made) objects->release(slot);
    expect_everything_back();
}

}  // namespace
}  // namespace redoubt::native
