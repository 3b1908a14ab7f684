// Pages of guest memory with rights of their own: large leaves are in pieces meanwhile, so many at
// a time, and forgotten when their frames go.
#include <gtest/gtest.h>

#include "fake_arch/fake.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/svm/stage2.hpp"

namespace redoubt::kernel::hv {
namespace {

using abi::Error;
using abi::ObjectType;

constexpr std::uint64_t kLarge = 2 << 20;
constexpr unsigned kVmBits = 18;

struct PageRightsTest : testing::Test {
    fake::Machine machine;
    fake::Machine::Slot page = machine.make(ObjectType::Frame, kVmBits);
    Vm vm{PhysicalAddress{machine.capability(page).object}, kVmBits, 1, 4};
    const PageFlags kAll = PageFlags{}.read().write().execute();
    const PageFlags kFewer = PageFlags{}.read().execute();

    void map(std::uint64_t at, std::uint64_t bytes) {
        ASSERT_TRUE(
            vm_map_frame(vm, GuestPhysicalAddress{at}, PhysicalAddress{at}, bytes, kAll).ok());
    }
    Error protect(std::uint64_t at, PageFlags flags, std::uint64_t frame_bytes = kLarge) {
        return backend->protect(vm, GuestPhysicalAddress{at}, flags, frame_bytes).error();
    }
    void unmap(std::uint64_t at, std::uint64_t bytes) {
        vm_unmap(vm, GuestPhysicalAddress{at}, bytes);
    }
    auto at(std::uint64_t address) {
        return svm::Stage2::Mapper::translate_at(vm.root, GuestPhysicalAddress{address});
    }
};

TEST_F(PageRightsTest, a_large_leaf_is_in_pieces_while_a_page_differs) {
    map(kLarge, 2 * kLarge);
    ASSERT_EQ(protect(kLarge + kPageSize, kFewer, 2 * kLarge), Error::Ok);
    ASSERT_EQ(protect(kLarge + 2 * kPageSize, kFewer, 2 * kLarge), Error::Ok);
    EXPECT_EQ(vm.split_pages, 1U);
    EXPECT_FALSE(at(kLarge + kPageSize)->flags.is_writable());
    EXPECT_TRUE(at(kLarge)->flags.is_writable());
    EXPECT_EQ(at(2 * kLarge)->leaf_bytes, kLarge);
    ASSERT_EQ(protect(kLarge + kPageSize, kAll, 2 * kLarge), Error::Ok);
    EXPECT_EQ(vm.split_pages, 1U);
    ASSERT_EQ(protect(kLarge + 2 * kPageSize, kAll, 2 * kLarge), Error::Ok);
    EXPECT_EQ(vm.split_pages, 0U);
    EXPECT_EQ(at(kLarge)->leaf_bytes, kLarge);
}

TEST_F(PageRightsTest, what_is_unmapped_is_in_pieces_no_more) {
    constexpr std::uint64_t kSmall = 16 * kPageSize;
    map(0, 3 * kLarge);
    map(8 * kLarge, kLarge);
    map(9 * kLarge, kSmall);
    ASSERT_EQ(protect(0, kFewer, 3 * kLarge), Error::Ok);
    ASSERT_EQ(protect(2 * kLarge + kPageSize, kFewer, 3 * kLarge), Error::Ok);
    ASSERT_EQ(protect(8 * kLarge, kFewer), Error::Ok);
    ASSERT_EQ(protect(9 * kLarge, kFewer, kSmall), Error::Ok);
    EXPECT_EQ(vm.split_pages, 3U) << "small frames have no large leaves";
    unmap(9 * kLarge, kSmall);
    EXPECT_EQ(vm.split_pages, 3U);
    unmap(0, 3 * kLarge);
    EXPECT_EQ(vm.split_pages, 1U);
    unmap(8 * kLarge, kLarge);
    EXPECT_EQ(vm.split_pages, 0U);
}

TEST_F(PageRightsTest, so_many_at_a_time) {
    constexpr auto kMost = abi::hv::kMaximumSplitPages;
    map(0, (kMost + 1) * kLarge);
    for (unsigned i = 0; i < kMost; ++i)
        ASSERT_EQ(protect(i * kLarge, kFewer, (kMost + 1) * kLarge), Error::Ok);
    EXPECT_EQ(protect(kMost * kLarge, kFewer, (kMost + 1) * kLarge), Error::NoMemory);
    EXPECT_EQ(protect(kPageSize, kFewer, (kMost + 1) * kLarge), Error::Ok);
    unmap(0, (kMost + 1) * kLarge);
    map(0, kLarge);
    EXPECT_EQ(protect(0, kFewer), Error::Ok);
}

TEST_F(PageRightsTest, without_memory_for_tables_nothing_changes) {
    map(0, kLarge);
    // Pages that need a table each, until there is none left.
    for (std::uint64_t far = 1; vm.pool.free_count() > 0; ++far)
        map((1ULL << 39) + far * kLarge, kPageSize);
    EXPECT_EQ(protect(0, kFewer), Error::NoMemory);
    EXPECT_EQ(vm.split_pages, 0U);
    EXPECT_EQ(at(0)->leaf_bytes, kLarge);
    EXPECT_TRUE(at(0)->flags.is_writable());
    EXPECT_EQ(protect(5 * kLarge, kFewer), Error::NotMapped);
}

}  // namespace
}  // namespace redoubt::kernel::hv
