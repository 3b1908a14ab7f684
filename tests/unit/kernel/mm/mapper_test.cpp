// PageMapper, through both formats this architecture has: user paging and nested paging.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "arch/page_format.hpp"
#include "kernel/hv/svm/stage2.hpp"
#include "kernel/mm/mapper_editing.hpp"
#include "tests/unit/kernel/mm/emulated_memory.hpp"

namespace redoubt::kernel {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20, kGiB = 1ULL << 30;
constexpr std::uint64_t kFrameBase = 64 * kGiB;  // what is mapped need not exist
constexpr PageFlags kReadWrite = PageFlags{}.read().write();
constexpr PageFlags kReadExecute = PageFlags{}.read().execute();

template <class Format>
class MapperTest : public testing::Test {
  protected:
    using A = typename Format::Address;
    static constexpr std::size_t kFrames = 64;

    void SetUp() override { long_mode_largest_leaf = 2; }

    auto map(std::uint64_t at, std::uint64_t frame, std::uint64_t bytes,
             PageFlags flags = kReadWrite) {
        auto result = mapper.map(A{at}, PhysicalAddress{frame}, bytes, flags);
        if (result.ok()) result.value().ignore();
        return result.error();
    }
    auto unmap(std::uint64_t at, std::uint64_t bytes) {
        auto result = mapper.unmap(A{at}, bytes);
        if (result.ok()) result.value().ignore();
        return result.error();
    }
    auto protect(std::uint64_t at, std::uint64_t bytes, PageFlags flags) {
        auto result = mapper.protect(A{at}, bytes, flags);
        if (result.ok()) result.value().ignore();
        return result.error();
    }
    /// Frame address behind `at`, or 0.
    std::uint64_t translate(std::uint64_t at) {
        const auto found = mapper.translate(A{at});
        return found ? found->address.value() : 0;
    }
    std::uint64_t leaf(std::uint64_t at) { return mapper.translate(A{at})->leaf_bytes; }
    std::size_t used() const { return kFrames - pool.free_count(); }

    test::EmulatedMemory memory{kFrames + 1};
    FramePool pool{memory.frame(1), kFrames};
    EditingMapper<Format> mapper{memory.frame(0), pool};
};

using Formats = testing::Types<UserPageFormat, svm::NptFormat>;
TYPED_TEST_SUITE(MapperTest, Formats);

TYPED_TEST(MapperTest, maps_and_unmaps_one_page) {
    EXPECT_EQ(this->map(0x1000, kFrameBase, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->translate(0x1234), kFrameBase + 0x234);
    EXPECT_EQ(this->translate(0x2000), 0U);
    EXPECT_EQ(this->used(), 3U);
    EXPECT_EQ(this->unmap(0x1000, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->translate(0x1000), 0U);
    EXPECT_EQ(this->used(), 0U);
}

TYPED_TEST(MapperTest, the_flags_given_are_the_flags_in_force) {
    for (const PageFlags flags :
         {PageFlags{}.read(), kReadWrite, kReadExecute, kReadWrite.uncached(),
          kReadWrite.write_combining(), kReadWrite.global()}) {
        for (const std::uint64_t bytes : {kPageSize, 2 * kMiB, kGiB}) {
            ASSERT_EQ(this->map(kGiB, kFrameBase, bytes, flags), abi::Error::Ok);
            EXPECT_TRUE(this->mapper.translate(typename TestFixture::A{kGiB})->flags == flags);
            ASSERT_EQ(this->unmap(kGiB, bytes), abi::Error::Ok);
        }
    }
}

TYPED_TEST(MapperTest, uses_the_largest_leaf_that_alignment_permits) {
    EXPECT_EQ(this->map(kGiB - 2 * kMiB, kFrameBase - 2 * kMiB, 2 * kGiB), abi::Error::Ok);
    EXPECT_EQ(this->leaf(kGiB - 1), 2 * kMiB);
    EXPECT_EQ(this->leaf(kGiB), kGiB);
    EXPECT_EQ(this->leaf(3 * kGiB - 3 * kMiB), 2 * kMiB);
    EXPECT_EQ(this->map(8 * kGiB, kFrameBase + kPageSize, 2 * kMiB), abi::Error::Ok);
    EXPECT_EQ(this->leaf(8 * kGiB), kPageSize);
}

TYPED_TEST(MapperTest, uses_no_gigabyte_leaf_where_the_processor_has_none) {
    long_mode_largest_leaf = 1;
    EXPECT_EQ(this->map(kGiB, kFrameBase, kGiB), abi::Error::Ok);
    EXPECT_EQ(this->leaf(kGiB), 2 * kMiB);
    EXPECT_EQ(this->translate(2 * kGiB - 1), kFrameBase + kGiB - 1);
}

TYPED_TEST(MapperTest, refuses_what_is_mapped_already_and_changes_nothing) {
    ASSERT_EQ(this->map(4 * kMiB, kFrameBase, kPageSize), abi::Error::Ok);
    const std::size_t used = this->used();
    EXPECT_EQ(this->map(4 * kMiB, kFrameBase, kPageSize), abi::Error::AlreadyMapped);
    EXPECT_EQ(this->map(2 * kMiB, kFrameBase, 4 * kMiB), abi::Error::AlreadyMapped);
    EXPECT_EQ(this->map(0, kFrameBase, kGiB), abi::Error::AlreadyMapped);
    EXPECT_EQ(this->used(), used);
    EXPECT_EQ(this->translate(2 * kMiB), 0U);
    EXPECT_EQ(this->translate(4 * kMiB), kFrameBase);
}

TYPED_TEST(MapperTest, refuses_bad_arguments) {
    EXPECT_EQ(this->map(0x1001, kFrameBase, kPageSize), abi::Error::InvalidArgument);
    EXPECT_EQ(this->map(0x1000, kFrameBase + 1, kPageSize), abi::Error::InvalidArgument);
    EXPECT_EQ(this->map(0x1000, kFrameBase, 100), abi::Error::InvalidArgument);
    EXPECT_EQ(this->map(0x1000, kFrameBase, 0), abi::Error::InvalidArgument);
    EXPECT_EQ(this->map(TypeParam::kHighest + 1, kFrameBase, kPageSize),
              abi::Error::InvalidArgument);
    EXPECT_EQ(this->map(TypeParam::kHighest - kPageMask, kFrameBase, 2 * kPageSize),
              abi::Error::InvalidArgument);
    EXPECT_EQ(this->map(0x1000, kFrameBase, kPageSize, PageFlags{}.write()),
              abi::Error::InvalidArgument);
    EXPECT_EQ(this->used(), 0U);
}

TYPED_TEST(MapperTest, maps_the_very_last_page) {
    const std::uint64_t last = TypeParam::kHighest - kPageMask;
    EXPECT_EQ(this->map(last, kFrameBase, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->translate(last + 5), kFrameBase + 5);
    EXPECT_EQ(this->unmap(last, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->used(), 0U);
}

TYPED_TEST(MapperTest, splits_a_leaf_to_unmap_a_part_of_it) {
    ASSERT_EQ(this->map(kGiB, kFrameBase, kGiB), abi::Error::Ok);
    EXPECT_EQ(this->unmap(kGiB + 6 * kMiB + kPageSize, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->translate(kGiB + 6 * kMiB + kPageSize), 0U);
    EXPECT_EQ(this->translate(kGiB + 6 * kMiB), kFrameBase + 6 * kMiB);
    EXPECT_EQ(this->translate(2 * kGiB - 1), kFrameBase + kGiB - 1);
    EXPECT_EQ(this->leaf(kGiB + 6 * kMiB), kPageSize);
    EXPECT_EQ(this->leaf(kGiB), 2 * kMiB);
    EXPECT_EQ(this->unmap(kGiB, 6 * kMiB + kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->unmap(kGiB + 6 * kMiB + 2 * kPageSize, kGiB - 6 * kMiB - 2 * kPageSize),
              abi::Error::Ok);
    EXPECT_EQ(this->used(), 0U);
}

TYPED_TEST(MapperTest, unmap_of_a_hole_fails_and_changes_nothing) {
    ASSERT_EQ(this->map(0, kFrameBase, kPageSize), abi::Error::Ok);
    ASSERT_EQ(this->map(2 * kPageSize, kFrameBase, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->unmap(0, 3 * kPageSize), abi::Error::NotMapped);
    EXPECT_EQ(this->translate(0), kFrameBase);
    EXPECT_EQ(this->unmap(kGiB, kPageSize), abi::Error::NotMapped);
}

TYPED_TEST(MapperTest, exhaustion_takes_everything_back) {
    std::vector<PhysicalAddress> hoard;
    while (this->pool.free_count() > 4) hoard.push_back(this->pool.allocate_zeroed().value());
    // Needs two tables on the way and two of leaves; then a third one of leaves.
    EXPECT_EQ(this->map(2 * kMiB, kFrameBase + kPageSize, 6 * kMiB), abi::Error::NoMemory);
    EXPECT_EQ(this->pool.free_count(), 4U);
    for (std::uint64_t at = 0; at < 8 * kMiB; at += kPageSize) ASSERT_EQ(this->translate(at), 0U);
    EXPECT_EQ(this->map(2 * kMiB, kFrameBase + kPageSize, 4 * kMiB), abi::Error::Ok);
    EXPECT_EQ(this->pool.free_count(), 0U);
}

TYPED_TEST(MapperTest, a_split_without_memory_leaves_the_translations) {
    ASSERT_EQ(this->map(kGiB, kFrameBase, kGiB), abi::Error::Ok);
    std::vector<PhysicalAddress> hoard;
    while (this->pool.free_count() > 1) hoard.push_back(this->pool.allocate_zeroed().value());
    EXPECT_EQ(this->unmap(kGiB, kPageSize), abi::Error::NoMemory);
    EXPECT_EQ(this->protect(kGiB + kPageSize, kPageSize, PageFlags{}.read()), abi::Error::NoMemory);
    for (std::uint64_t at = kGiB; at < 2 * kGiB; at += kMiB) {
        const auto found = this->mapper.translate(typename TestFixture::A{at});
        ASSERT_EQ(found->address.value(), kFrameBase + at - kGiB);
        ASSERT_TRUE(found->flags == kReadWrite);
    }
}

TYPED_TEST(MapperTest, protect_changes_only_its_range) {
    ASSERT_EQ(this->map(0, kFrameBase, 2 * kMiB), abi::Error::Ok);
    EXPECT_EQ(this->protect(kPageSize, 2 * kPageSize, kReadExecute), abi::Error::Ok);
    const auto flags = [&](std::uint64_t at) {
        return this->mapper.translate(typename TestFixture::A{at})->flags;
    };
    EXPECT_TRUE(flags(0) == kReadWrite);
    EXPECT_TRUE(flags(kPageSize) == kReadExecute);
    EXPECT_TRUE(flags(2 * kPageSize) == kReadExecute);
    EXPECT_TRUE(flags(3 * kPageSize) == kReadWrite);
    EXPECT_EQ(this->translate(2 * kPageSize), kFrameBase + 2 * kPageSize);
}

TYPED_TEST(MapperTest, merge_makes_one_leaf_of_a_whole_table) {
    ASSERT_EQ(this->map(0, kFrameBase, 2 * kMiB - kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->mapper.merge(typename TestFixture::A{0}).value(), kPageSize);
    ASSERT_EQ(this->map(2 * kMiB - kPageSize, kFrameBase + 2 * kMiB - kPageSize, kPageSize),
              abi::Error::Ok);
    const std::size_t used = this->used();
    EXPECT_EQ(this->mapper.merge(typename TestFixture::A{0x5000}).value(), 2 * kMiB);
    EXPECT_EQ(this->used(), used - 1);
    EXPECT_EQ(this->translate(0x5123), kFrameBase + 0x5123);
    EXPECT_EQ(this->unmap(0, 2 * kMiB), abi::Error::Ok);
    EXPECT_EQ(this->used(), 0U);
}

TYPED_TEST(MapperTest, merge_refuses_different_rights_and_scattered_frames) {
    ASSERT_EQ(this->map(0, kFrameBase, 2 * kMiB), abi::Error::Ok);
    ASSERT_EQ(this->protect(0x3000, kPageSize, PageFlags{}.read()), abi::Error::Ok);
    EXPECT_EQ(this->mapper.merge(typename TestFixture::A{0}).value(), kPageSize);
    ASSERT_EQ(this->map(4 * kMiB, kFrameBase + kPageSize, 2 * kMiB), abi::Error::Ok);
    EXPECT_EQ(this->mapper.merge(typename TestFixture::A{4 * kMiB}).value(), kPageSize);
    EXPECT_EQ(this->mapper.merge(typename TestFixture::A{kGiB}).error(), abi::Error::NotMapped);
}

TYPED_TEST(MapperTest, collects_what_the_processor_marked_dirty_once) {
    ASSERT_EQ(this->map(0, kFrameBase, 4 * kPageSize), abi::Error::Ok);
    // What a processor would do on a write to the third page.
    auto* table = direct_map<std::uint64_t>(this->mapper.root());
    for (int level = 0; level < 3; ++level) {
        table = direct_map<std::uint64_t>(PhysicalAddress{table[0] & LongModeEntry::kAddress});
    }
    table[1] |= LongModeEntry::kAccessed;
    table[2] |= LongModeEntry::kAccessed | LongModeEntry::kDirty;
    std::vector<std::uint64_t> seen;
    const auto note = [&](auto address, std::uint64_t) { seen.push_back(address.value()); };
    const typename TestFixture::A start{0};
    this->mapper.collect_dirty(start, 4 * kPageSize, note).value().ignore();
    EXPECT_EQ(seen, std::vector<std::uint64_t>{2 * kPageSize});
    seen.clear();
    this->mapper.collect_accessed(start, 4 * kPageSize, note).value().ignore();
    EXPECT_EQ(seen, std::vector<std::uint64_t>{kPageSize});
    seen.clear();
    this->mapper.collect_dirty(start, 4 * kPageSize, note).value().ignore();
    EXPECT_TRUE(seen.empty());
}

TYPED_TEST(MapperTest, destroy_gives_every_table_back) {
    ASSERT_EQ(this->map(0x1000, kFrameBase, kPageSize), abi::Error::Ok);
    ASSERT_EQ(this->map(512 * kGiB, kFrameBase, kGiB), abi::Error::Ok);
    ASSERT_EQ(this->map(513 * kGiB, kFrameBase + kPageSize, 4 * kMiB), abi::Error::Ok);
    this->mapper.destroy_all();
    EXPECT_EQ(this->used(), 0U);
    EXPECT_EQ(this->translate(0x1000), 0U);
    EXPECT_EQ(this->map(0x1000, kFrameBase, kPageSize), abi::Error::Ok);
}

TYPED_TEST(MapperTest, flush_names_the_changed_range) {
    ASSERT_EQ(this->map(0x5000, kFrameBase, 0x3000), abi::Error::Ok);
    const auto flush = this->mapper.unmap(typename TestFixture::A{0x6000}, 0x1000);
    std::uint64_t first = 0, bytes = 0;
    flush.value().apply(
        [&](auto address, std::uint64_t size) { first = address.value(), bytes = size; });
    EXPECT_EQ(first, 0x6000U);
    EXPECT_EQ(bytes, 0x1000U);
}

/// Random operations against a plain map from page to frame and flags.
TYPED_TEST(MapperTest, agrees_with_a_reference_over_random_operations) {
    struct Page {
        std::uint64_t frame;
        PageFlags flags;
    };
    std::map<std::uint64_t, Page> reference;
    std::mt19937_64 random{7};
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    constexpr std::uint64_t kArena =
        3 * 512;  // pages; at 1 GiB - 2 MiB, so that tables of two parents are used
    constexpr std::uint64_t kStart = kGiB - 2 * kMiB;
    for (int step = 0; step < 4000; ++step) {
        std::uint64_t page = below(kArena), count = 1 + below(step % 3 == 0 ? 600 : 8);
        if (below(3) == 0) page &= ~511ULL, count = 512;
        count = std::min(count, kArena - page);
        const std::uint64_t at = kStart + page * kPageSize;
        const PageFlags flags = below(2) == 0 ? kReadWrite : kReadExecute;
        bool all = true, none = true;
        for (std::uint64_t i = 0; i < count; ++i) {
            (reference.contains(at + i * kPageSize) ? none : all) = false;
        }
        switch (below(3)) {
            case 0: {
                const std::uint64_t frame =
                    kFrameBase + (below(2) == 0 ? page : below(4096)) * kPageSize;
                const auto error = this->map(at, frame, count * kPageSize, flags);
                ASSERT_EQ(error, none ? abi::Error::Ok : abi::Error::AlreadyMapped);
                for (std::uint64_t i = 0; none && i < count; ++i) {
                    reference[at + i * kPageSize] = {frame + i * kPageSize, flags};
                }
                break;
            }
            case 1:
                ASSERT_EQ(this->unmap(at, count * kPageSize),
                          all ? abi::Error::Ok : abi::Error::NotMapped);
                for (std::uint64_t i = 0; all && i < count; ++i)
                    reference.erase(at + i * kPageSize);
                break;
            case 2:
                ASSERT_EQ(this->protect(at, count * kPageSize, flags),
                          all ? abi::Error::Ok : abi::Error::NotMapped);
                for (std::uint64_t i = 0; all && i < count; ++i)
                    reference[at + i * kPageSize].flags = flags;
                break;
        }
        if (step % 16 == 0 && all) this->mapper.merge(typename TestFixture::A{at}).value();
        if (step % 32 != 0) continue;
        for (std::uint64_t i = 0; i < kArena; ++i) {
            const auto expected = reference.find(kStart + i * kPageSize);
            const auto found =
                this->mapper.translate(typename TestFixture::A{kStart + i * kPageSize});
            ASSERT_EQ(found.has_value(), expected != reference.end());
            if (!found) continue;
            ASSERT_EQ(found->address.value(), expected->second.frame);
            ASSERT_TRUE(found->flags == expected->second.flags);
        }
        ASSERT_EQ(reference.empty(), this->used() == 0);
    }
    for (const auto& [at, page] : reference) ASSERT_EQ(this->unmap(at, kPageSize), abi::Error::Ok);
    EXPECT_EQ(this->used(), 0U);
}

}  // namespace
}  // namespace redoubt::kernel
