// Tests of page bookkeeping.
#include "libposix/memory/page_arena.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>

namespace redoubt::posix {
namespace {

constexpr std::size_t kPages = 200;

struct PageArenaTest : testing::Test {
    PageArenaTest() { arena.initialize(base(), kPages, kPages, used, dirty); }
    std::uintptr_t base() const { return reinterpret_cast<std::uintptr_t>(memory.get()); }

    struct Free {
        void operator()(void* pointer) const { std::free(pointer); }
    };
    std::unique_ptr<void, Free> memory{std::aligned_alloc(kPageSize, kPages* kPageSize)};
    std::uint64_t used[PageArena::bitmap_words(kPages)] = {};
    std::uint64_t dirty[PageArena::bitmap_words(kPages)] = {};
    PageArena arena;
};

TEST_F(PageArenaTest, AllocatesFromTheTopAndUpToTheLastPage) {
    EXPECT_EQ(arena.allocate(1), base() + (kPages - 1) * kPageSize);
    EXPECT_EQ(arena.allocate(kPages - 1), base());
    EXPECT_EQ(arena.allocate(1), 0U);
    EXPECT_EQ(arena.allocate(0), 0U);
}

TEST_F(PageArenaTest, AFixedRunIsTakenOnlyIfAllOfItIsFree) {
    EXPECT_TRUE(arena.allocate_at(base(), 70));
    EXPECT_FALSE(arena.allocate_at(base() + 69 * kPageSize, 2));
    EXPECT_TRUE(arena.allocate_at(base() + 70 * kPageSize, 1));
    EXPECT_FALSE(arena.allocate_at(base() + (kPages - 1) * kPageSize, 2));
    EXPECT_EQ(arena.free_pages(), kPages - 71);
}

TEST_F(PageArenaTest, UsedPagesComeBackZeroed) {
    const std::uintptr_t first = arena.allocate(3);
    std::memset(reinterpret_cast<void*>(first), 0xFF, 3 * kPageSize);
    arena.free(first, 3);
    const auto* again = reinterpret_cast<const unsigned char*>(arena.allocate(3));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(again), first);
    for (std::size_t i = 0; i < 3 * kPageSize; ++i) ASSERT_EQ(again[i], 0);
}

TEST_F(PageArenaTest, PagesThatDoNotExistYetAreNotGivenOut) {
    PageArena growing;
    growing.initialize(base(), kPages, 0, used, dirty);
    EXPECT_EQ(growing.allocate(1), 0U);
    growing.extend(10);
    EXPECT_FALSE(growing.contains(base(), 11 * kPageSize));
    EXPECT_EQ(growing.allocate(10), base());
    EXPECT_EQ(growing.allocate(1), 0U);
}

TEST_F(PageArenaTest, RandomUseNeverOverlaps) {
    std::mt19937 random{3};
    std::map<std::uintptr_t, std::size_t> held;
    for (int step = 0; step < 5000; ++step) {
        if (random() % 2 == 0) {
            const std::size_t pages = 1 + random() % 40;
            const std::uintptr_t at = arena.allocate(pages);
            if (at == 0) continue;
            const auto after = held.lower_bound(at);
            if (after != held.end()) {
                ASSERT_LE(at + pages * kPageSize, after->first);
            }
            if (after != held.begin()) {
                const auto before = std::prev(after);
                ASSERT_LE(before->first + before->second * kPageSize, at);
            }
            held[at] = pages;
        } else if (!held.empty()) {
            const auto victim = std::next(held.begin(), random() % held.size());
            arena.free(victim->first, victim->second);
            held.erase(victim);
        }
    }
    std::size_t count = 0;
    for (const auto& [at, pages] : held) count += pages;
    EXPECT_EQ(arena.free_pages(), kPages - count);
}

}  // namespace
}  // namespace redoubt::posix
