// Tests of brk, mmap and their kin, through the system calls.
#include <asm/mman.h>
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include <cstring>

#include "libposix/process.hpp"
#include "tests/unit/libposix/environment.hpp"

namespace redoubt::posix {
namespace {

using test::linux_call;

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kReadWrite = PROT_READ | PROT_WRITE;
constexpr std::uint64_t kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

long map(std::size_t bytes) {
    return linux_call(__NR_mmap, 0, bytes, kReadWrite, kAnonymous, ~std::uint64_t{0});
}
long unmap(long address, std::size_t bytes) {
    return linux_call(__NR_munmap, static_cast<std::uint64_t>(address), bytes);
}
bool is_zero(long address, std::size_t bytes) {
    const auto* at = reinterpret_cast<const char*>(address);
    for (std::size_t i = 0; i < bytes; ++i) {
        if (at[i] != 0) return false;
    }
    return true;
}

TEST(Memory, TheBreakGrowsShrinksAndReadsAsZeroAgain) {
    const long start = linux_call(__NR_brk, 0);
    ASSERT_EQ(static_cast<std::uint64_t>(start), test::startup_info().heap_base);
    const auto grow = [&](std::size_t bytes) {
        return linux_call(__NR_brk, static_cast<std::uint64_t>(start) + bytes);
    };
    ASSERT_EQ(grow(10'000), start + 10'000);
    std::memset(reinterpret_cast<void*>(start), 0xFF, 10'000);
    EXPECT_EQ(grow(5'000), start + 5'000);
    EXPECT_EQ(grow(10'000), start + 10'000);
    EXPECT_TRUE(is_zero(start + 5'000, 5'000));
    EXPECT_EQ(grow(1U << 30), start + 10'000) << "beyond the heap the break stays";
    EXPECT_EQ(grow(0), start);
}

TEST(Memory, MappingsBeyondTheHeapGrowFromUntyped) {
    constexpr std::size_t kBig = 9 << 20;
    const long area = map(kBig);
    ASSERT_GT(area, 0);
    EXPECT_TRUE(is_zero(area, kBig));
    std::memset(reinterpret_cast<void*>(area), 1, kBig);
    EXPECT_EQ(unmap(area, kBig), 0);
    const long again = map(kBig);
    EXPECT_EQ(again, area) << "what was grown is used again";
    EXPECT_TRUE(is_zero(again, kBig));
    EXPECT_EQ(unmap(again, kBig), 0);
}

TEST(Memory, MoreThanThereIsFailsAndLeavesTheRestUsable) {
    EXPECT_EQ(map(std::size_t{1} << 32), -ENOMEM);
    EXPECT_EQ(map(0), -EINVAL);
    const long area = map(kPage);
    EXPECT_GT(area, 0);
    unmap(area, kPage);
}

TEST(Memory, PartOfAMappingCanGo) {
    const long area = map(8 * kPage);
    ASSERT_GT(area, 0);
    EXPECT_EQ(unmap(area + 2 * static_cast<long>(kPage), 3 * kPage), 0);
    const long inside = map(3 * kPage);
    EXPECT_GT(inside, 0);
    unmap(inside, 3 * kPage);
    unmap(area, 8 * kPage);
    EXPECT_EQ(unmap(area + 1, kPage), -EINVAL);
    EXPECT_EQ(unmap(0x1000, kPage), 0) << "unmapping nothing is no error";
}

TEST(Memory, AFixedMappingReplacesWithZeroes) {
    const long area = map(4 * kPage);
    ASSERT_GT(area, 0);
    std::memset(reinterpret_cast<void*>(area), 7, 4 * kPage);
    EXPECT_EQ(linux_call(__NR_mmap, static_cast<std::uint64_t>(area) + kPage, kPage, kReadWrite,
                         kAnonymous | MAP_FIXED, ~std::uint64_t{0}),
              area + static_cast<long>(kPage));
    EXPECT_TRUE(is_zero(area + static_cast<long>(kPage), kPage));
    EXPECT_FALSE(is_zero(area, kPage));
    EXPECT_EQ(linux_call(__NR_mmap, 0x10000, kPage, kReadWrite, kAnonymous | MAP_FIXED,
                         ~std::uint64_t{0}),
              -ENOMEM);
    unmap(area, 4 * kPage);
}

TEST(Memory, RemappingKeepsTheContents) {
    long area = map(2 * kPage);
    ASSERT_GT(area, 0);
    std::memset(reinterpret_cast<void*>(area), 9, 2 * kPage);
    area = linux_call(__NR_mremap, static_cast<std::uint64_t>(area), 2 * kPage, 40 * kPage,
                      MREMAP_MAYMOVE);
    ASSERT_GT(area, 0);
    EXPECT_EQ(reinterpret_cast<char*>(area)[2 * kPage - 1], 9);
    EXPECT_TRUE(is_zero(area + 2 * static_cast<long>(kPage), 38 * kPage));
    EXPECT_EQ(linux_call(__NR_mremap, static_cast<std::uint64_t>(area), 40 * kPage, kPage, 0),
              area);
    unmap(area, kPage);
}

/// A mapping without access, as a thread's stack begins; its first page stays the guard.
struct Reservation : testing::Test {
    static constexpr std::size_t kBytes = 65 * kPage;
    ~Reservation() override {
        unmap(area, kBytes);
        EXPECT_EQ(process().memory.reservations().frame_count(), frames);
    }
    long protect(std::size_t first_page, std::size_t pages) {
        return linux_call(__NR_mprotect, static_cast<std::uint64_t>(area) + first_page * kPage,
                          pages * kPage, kReadWrite);
    }
    std::size_t frame_count() { return process().memory.reservations().frame_count() - frames; }
    std::size_t frames = process().memory.reservations().frame_count();
    long area = linux_call(__NR_mmap, 0, kBytes, PROT_NONE, kAnonymous, ~std::uint64_t{0});
};

TEST_F(Reservation, GetsMemoryFromMprotectInOneFrameIfItCan) {
    ASSERT_GT(area, 0);
    EXPECT_EQ(frame_count(), 0U);
    ASSERT_EQ(protect(1, 64), 0);
    EXPECT_EQ(frame_count(), 1U);
    EXPECT_TRUE(is_zero(area + static_cast<long>(kPage), 64 * kPage));
    std::memset(reinterpret_cast<void*>(area + static_cast<long>(kPage)), 1, 64 * kPage);
    EXPECT_EQ(protect(1, 64), 0) << "once more changes nothing";
    EXPECT_EQ(frame_count(), 1U);
}

TEST_F(Reservation, GrowsInPiecesAroundWhatItHas) {
    ASSERT_EQ(protect(10, 1), 0);
    ASSERT_EQ(protect(20, 2), 0);
    std::memset(reinterpret_cast<void*>(area + 10 * static_cast<long>(kPage)), 5, kPage);
    ASSERT_EQ(protect(5, 30), 0);
    EXPECT_EQ(*reinterpret_cast<char*>(area + 10 * static_cast<long>(kPage)), 5);
    EXPECT_TRUE(is_zero(area + 11 * static_cast<long>(kPage), 24 * kPage));
    EXPECT_EQ(linux_call(__NR_madvise, static_cast<std::uint64_t>(area), kBytes, MADV_DONTNEED), 0);
    EXPECT_TRUE(is_zero(area + 5 * static_cast<long>(kPage), 30 * kPage));
}

TEST_F(Reservation, GivesBackWhatIsUnmappedOfIt) {
    ASSERT_EQ(protect(1, 64), 0);
    EXPECT_EQ(unmap(area, kPage), 0) << "the guard alone";
    EXPECT_EQ(frame_count(), 1U);
    EXPECT_EQ(unmap(area + static_cast<long>(kPage), 64 * kPage), 0);
    EXPECT_EQ(frame_count(), 0U);
    const auto free = process().untyped.free_bytes();
    area =
        linux_call(__NR_mmap, 0, std::uint64_t{1} << 35, PROT_NONE, kAnonymous, ~std::uint64_t{0});
    EXPECT_GT(area, 0) << "addresses cost nothing";
    EXPECT_EQ(process().untyped.free_bytes(), free);
    EXPECT_EQ(linux_call(__NR_mprotect, static_cast<std::uint64_t>(area), std::uint64_t{1} << 30,
                         kReadWrite),
              -ENOMEM);
    EXPECT_EQ(unmap(area, std::size_t{1} << 35), 0);
    EXPECT_EQ(process().untyped.free_bytes(), free);
    EXPECT_EQ(
        linux_call(__NR_mmap, 0, std::uint64_t{1} << 40, PROT_NONE, kAnonymous, ~std::uint64_t{0}),
        -ENOMEM);
}

TEST_F(Reservation, AFixedMappingInItReadsAsZero) {
    ASSERT_EQ(protect(1, 4), 0);
    std::memset(reinterpret_cast<void*>(area + static_cast<long>(kPage)), 5, 4 * kPage);
    EXPECT_EQ(linux_call(__NR_mmap, static_cast<std::uint64_t>(area) + 2 * kPage, kPage, PROT_NONE,
                         kAnonymous | MAP_FIXED, ~std::uint64_t{0}),
              area + 2 * static_cast<long>(kPage));
    EXPECT_TRUE(is_zero(area + 2 * static_cast<long>(kPage), kPage));
    EXPECT_FALSE(is_zero(area + 3 * static_cast<long>(kPage), kPage));
}

TEST(Memory, DontneedReadsAsZero) {
    const long area = map(2 * kPage);
    std::memset(reinterpret_cast<void*>(area), 9, 2 * kPage);
    EXPECT_EQ(linux_call(__NR_madvise, static_cast<std::uint64_t>(area), kPage, MADV_DONTNEED), 0);
    EXPECT_TRUE(is_zero(area, kPage));
    EXPECT_FALSE(is_zero(area + static_cast<long>(kPage), kPage));
    unmap(area, 2 * kPage);
}

}  // namespace
}  // namespace redoubt::posix
