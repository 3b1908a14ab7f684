// Sv39, Sv48 and Sv57 tables as the privileged specification lays them out, made by the shared
// mapper, which has to look through tables because entries have no room for counts.
#include "arch/page_format.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "emulated_memory.hpp"
#include "kernel/hv/hext/stage2.hpp"
#include "kernel/mm/mapper_editing.hpp"

namespace redoubt::kernel {
namespace {

class UserPages : public ::testing::Test {
  protected:
    static constexpr PageFlags kRead = PageFlags{}.read(), kWrite = kRead.write();
    using Mapper = EditingMapper<UserPageFormat>;

    std::uint64_t entry(PhysicalAddress table, unsigned index) {
        return direct_map<std::uint64_t>(table)[index];
    }
    PhysicalAddress next(PhysicalAddress table, unsigned index) {
        return UserPageFormat::table_address(entry(table, index));
    }

    test::EmulatedMemory memory_{64};
    PhysicalAddress root_ = memory_.frame(0);
    FramePool pool_{memory_.frame(1), 63};
    Mapper mapper_{root_, pool_};
};

TEST_F(UserPages, AnEntryHasTheBitsOfTheSpecification) {
    EXPECT_EQ(UserPageFormat::make_table(PhysicalAddress{0x8000'1000}), 0x2000'0401U);
    EXPECT_EQ(UserPageFormat::make_leaf(PhysicalAddress{0x8000'1000}, 0, kWrite.user()),
              0x2000'0400U | 0xD7);
    EXPECT_EQ(UserPageFormat::make_leaf(PhysicalAddress{0x8000'1000}, 0, kRead.execute().global()),
              0x2000'0400U | 0x6B);
    EXPECT_EQ(UserPageFormat::leaf_address(0x2000'04D7, 0), PhysicalAddress{0x8000'1000});
}

TEST_F(UserPages, NoEntryHasReservedBits) {
    ASSERT_TRUE(mapper_
                    .map(VirtualAddress{0x2'0000'1000}, PhysicalAddress{0x8000'1000}, 3 * kPageSize,
                         kWrite.user())
                    .ok());
    constexpr std::uint64_t kReserved = ~0ULL << 54;
    const PhysicalAddress first = next(root_, 8), second = next(first, 0);
    for (const std::uint64_t value :
         {entry(root_, 8), entry(first, 0), entry(second, 1), entry(second, 3)}) {
        EXPECT_NE(value, 0U);
        EXPECT_EQ(value & kReserved, 0U);
    }
    // Of entries that point to tables, accessed, dirty and user too.
    EXPECT_EQ(entry(root_, 8) & 0x3FF, 1U);
    EXPECT_EQ(mapper_.translate(VirtualAddress{0x2'0000'2345})->address,
              PhysicalAddress{0x8000'2345});
}

TEST_F(UserPages, TablesGoBackWithTheirLastEntry) {
    const std::size_t before = pool_.free_count();
    const VirtualAddress address{0x1000'0000};
    ASSERT_TRUE(mapper_.map(address, PhysicalAddress{0x9000'0000}, 4 * kPageSize, kRead).ok());
    EXPECT_EQ(pool_.free_count(), before - 2);
    ASSERT_TRUE(mapper_.unmap(address, kPageSize).ok());
    ASSERT_TRUE(mapper_.unmap(address + 2 * kPageSize, 2 * kPageSize).ok());
    EXPECT_EQ(pool_.free_count(), before - 2);
    ASSERT_TRUE(mapper_.unmap(address + kPageSize, kPageSize).ok());
    EXPECT_EQ(pool_.free_count(), before);
}

TEST_F(UserPages, LargeLeavesSplitAndMerge) {
    const VirtualAddress address{0x4000'0000};
    const PhysicalAddress frame{0x8000'0000};
    ASSERT_TRUE(mapper_.map(address, frame, 2 << 20, kWrite).ok());
    EXPECT_EQ(mapper_.translate(address)->leaf_bytes, 2U << 20);
    ASSERT_TRUE(mapper_.protect(address + kPageSize, kPageSize, kRead).ok());
    EXPECT_EQ(mapper_.translate(address)->leaf_bytes, kPageSize);
    EXPECT_FALSE(mapper_.translate(address + kPageSize)->flags.is_writable());
    EXPECT_EQ(mapper_.translate(address + 0x1F'F123)->address, frame + 0x1F'F123);
    ASSERT_TRUE(mapper_.protect(address + kPageSize, kPageSize, kWrite).ok());
    auto merged = mapper_.merge(address);
    ASSERT_TRUE(merged.ok());
    EXPECT_EQ(merged.value(), 2U << 20);
    EXPECT_EQ(mapper_.translate(address + 0x12'3456)->address, frame + 0x12'3456);
}

TEST_F(UserPages, ATableWithAHoleDoesNotMerge) {
    const VirtualAddress address{0x4000'0000};
    ASSERT_TRUE(mapper_.map(address, PhysicalAddress{0x8000'0000}, 2 << 20, kWrite).ok());
    ASSERT_TRUE(mapper_.unmap(address + (2 << 20) - kPageSize, kPageSize).ok());
    EXPECT_EQ(mapper_.merge(address).value(), kPageSize);
}

TEST_F(UserPages, GigabyteLeaves) {
    ASSERT_TRUE(
        mapper_.map(VirtualAddress{0x4'0000'0000}, PhysicalAddress{0x1'0000'0000}, 1 << 30, kWrite)
            .ok());
    EXPECT_EQ(mapper_.translate(VirtualAddress{0x4'3FFF'FFFF})->address,
              PhysicalAddress{0x1'3FFF'FFFF});
}

TEST_F(UserPages, FailureForLackOfFramesLeavesNothing) {
    FramePool small{memory_.frame(1), 1};
    Mapper mapper{root_, small};
    const std::size_t before = small.free_count();
    EXPECT_EQ(
        mapper.map(VirtualAddress{0x1000}, PhysicalAddress{0x8000'0000}, kPageSize, kRead).error(),
        abi::Error::NoMemory);
    EXPECT_EQ(small.free_count(), before);
}

using AllLevels =
    ::testing::Types<std::integral_constant<unsigned, 3>, std::integral_constant<unsigned, 4>,
                     std::integral_constant<unsigned, 5>>;

// A root with both halves: Sv39, Sv48 and Sv57.
template <class Levels>
class HostTables : public ::testing::Test {
  protected:
    static constexpr unsigned kLevels = Levels::value, kAddressBits = 12 + 9 * kLevels;
    using KernelFormat = KernelPageFormatOf<kLevels>;
    static constexpr std::uint64_t kUserEnd = 1ULL << 38;
    static constexpr PageFlags kRead = PageFlags{}.read(), kUser = kRead.user(),
                               kGlobal = kRead.write().global();
    static constexpr PhysicalAddress kFrame{0x8000'1000};

    /// The leaf that a processor comes to (4.3.2), or 0.
    std::uint64_t walk(std::uint64_t address) {
        const auto extended = static_cast<std::int64_t>(address << (64 - kAddressBits));
        if (static_cast<std::uint64_t>(extended >> (64 - kAddressBits)) != address) return 0;
        PhysicalAddress table = root_;
        for (unsigned level = kLevels; level-- > 0;) {
            const std::uint64_t entry =
                direct_map<std::uint64_t>(table)[address >> (12 + 9 * level) & 511];
            if ((entry & 1) == 0 || (entry & 0xE) != 0) return entry;
            table = PhysicalAddress{entry >> 10 << 12};
        }
        return 0;
    }
    abi::Error map_user(std::uint64_t address) {
        return user_.map(VirtualAddress{address}, kFrame, kPageSize, kUser).error();
    }
    abi::Error map_kernel(std::uint64_t address, std::uint64_t bytes = kPageSize) {
        return kernel_.map(VirtualAddress{address}, PhysicalAddress{0x8000'0000}, bytes, kGlobal)
            .error();
    }

    test::EmulatedMemory memory_{64};
    PhysicalAddress root_ = memory_.frame(0);
    FramePool pool_{memory_.frame(1), 63};
    EditingMapper<UserPageFormat> user_{make_user_tables(root_, kLevels, pool_), pool_};
    EditingMapper<KernelFormat> kernel_{root_, pool_};
    const std::size_t free_ = pool_.free_count();
};
TYPED_TEST_SUITE(HostTables, AllLevels);

TYPED_TEST(HostTables, OnlyLargerModesHaveTablesAboveTheUsers) {
    EXPECT_EQ(this->free_, 63U - (TestFixture::kLevels - 3));
}

TYPED_TEST(HostTables, AProcessorFindsWhatIsMappedUpToTheEndsOfUserSpace) {
    constexpr std::uint64_t kLast = TestFixture::kUserEnd - kPageSize;
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0x40'0000}, kLast}) {
        EXPECT_EQ(this->walk(address), 0U);
        ASSERT_EQ(this->map_user(address), abi::Error::Ok);
        EXPECT_EQ(this->walk(address), 0x2000'0453U) << std::hex << address;
        EXPECT_EQ(this->user_.translate(VirtualAddress{address + 5})->address,
                  TestFixture::kFrame + 5);
    }
    EXPECT_EQ(this->map_user(TestFixture::kUserEnd), abi::Error::InvalidArgument);
    EXPECT_EQ(this->map_user(~0ULL << 12), abi::Error::InvalidArgument);
    EXPECT_EQ(this->walk(TestFixture::kUserEnd), 0U);
    for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{0x40'0000}, kLast})
        ASSERT_TRUE(this->user_.unmap(VirtualAddress{address}, kPageSize).ok());
    EXPECT_EQ(this->walk(kLast), 0U);
    EXPECT_EQ(this->pool_.free_count(), this->free_);
}

TYPED_TEST(HostTables, TheKernelsHalfBeginsWithTheSignAndIsItsOwn) {
    constexpr std::uint64_t kFirst = ~0ULL << (TestFixture::kAddressBits - 1),
                            kGibibyte = 1ULL << 30;
    EXPECT_EQ(this->map_kernel(kFirst - kPageSize), abi::Error::InvalidArgument);
    EXPECT_EQ(this->map_kernel(TestFixture::kUserEnd), abi::Error::InvalidArgument);
    constexpr std::uint64_t kAddresses[] = {kFirst, 0xFFFF'FFC0'0000'0000 + kGibibyte,
                                            0xFFFF'FFFF'8000'0000};
    for (const std::uint64_t address : kAddresses)
        ASSERT_EQ(this->map_kernel(address, kGibibyte), abi::Error::Ok);
    ASSERT_EQ(this->map_kernel(~0ULL << 12), abi::Error::Ok);
    ASSERT_EQ(this->map_user(0x1000), abi::Error::Ok);
    EXPECT_EQ(this->walk(kFirst), 0x2000'00E7U);
    EXPECT_EQ(this->walk(kFirst + kGibibyte - 1), 0x2000'00E7U);
    EXPECT_EQ(this->walk(0xFFFF'FFFF'BFFF'FFFFULL), 0x2000'00E7U);
    EXPECT_EQ(this->walk(~0ULL), 0x2000'00E7U);
    EXPECT_EQ(this->walk(0xFFFF'FFFF'C000'0000ULL), 0U);
    EXPECT_FALSE(this->user_.translate(VirtualAddress{kFirst}));
    for (unsigned i = 0; i < 256; ++i)
        EXPECT_EQ(direct_map<std::uint64_t>(this->root_)[i] != 0, i == 0) << i;
}

TYPED_TEST(HostTables, WithoutFramesNothingIsLeftBehind) {
    FramePool small{this->memory_.frame(40), 1};
    EditingMapper<UserPageFormat> mapper{this->user_.root(), small};
    EXPECT_EQ(mapper.map(VirtualAddress{0x1000}, TestFixture::kFrame, kPageSize, TestFixture::kUser)
                  .error(),
              abi::Error::NoMemory);
    EXPECT_EQ(small.free_count(), 1U);
    EXPECT_EQ(this->walk(0x1000), 0U);
}

// Sv39x4, Sv48x4 and Sv57x4, of the hypervisor core: a root of four pages.
template <class Levels>
class GStage : public ::testing::Test {
  protected:
    static constexpr unsigned kLevels = Levels::value, kAddressBits = 14 + 9 * kLevels;
    using Format = hext::GStageFormat<kLevels>;
    static constexpr PageFlags kWrite = PageFlags{}.read().write();

    test::EmulatedMemory memory_{64};
    PhysicalAddress root_ = memory_.frame(0);
    FramePool pool_{memory_.frame(4), 60};
    EditingMapper<Format> mapper_{root_, pool_};
};
TYPED_TEST_SUITE(GStage, AllLevels);

TYPED_TEST(GStage, EveryLeafIsTheUsers) {
    using Format = typename TestFixture::Format;
    EXPECT_EQ(Format::make_leaf(PhysicalAddress{0x8000'1000}, 0, this->kWrite),
              0x2000'0400U | 0xD7);
    EXPECT_FALSE(Format::flags_of(0x2000'04D7, 0).is_user());
}

TYPED_TEST(GStage, TheRootCoversAllAddressesAndNoMore) {
    constexpr GuestPhysicalAddress kLast{(1ULL << TestFixture::kAddressBits) - kPageSize};
    constexpr PhysicalAddress kFrame{0x8000'1000};
    ASSERT_TRUE(this->mapper_.map(kLast, kFrame, kPageSize, this->kWrite).ok());
    EXPECT_NE(direct_map<std::uint64_t>(this->root_)[2047], 0U);
    EXPECT_EQ(this->mapper_.translate(kLast + 5)->address, kFrame + 5);
    EXPECT_EQ(this->mapper_.map(kLast + kPageSize, kFrame, kPageSize, this->kWrite).error(),
              abi::Error::InvalidArgument);
    EXPECT_EQ(this->pool_.free_count(), 61 - this->kLevels);
    ASSERT_TRUE(this->mapper_.unmap(kLast, kPageSize).ok());
    EXPECT_EQ(this->pool_.free_count(), 60U);
    EXPECT_EQ(direct_map<std::uint64_t>(this->root_)[2047], 0U);
}

TYPED_TEST(GStage, AGibibyteIsOneLeaf) {
    constexpr std::uint64_t kGibibyte = 1ULL << 30;
    constexpr GuestPhysicalAddress kAt{3 * kGibibyte};
    ASSERT_TRUE(
        this->mapper_.map(kAt, PhysicalAddress{2 * kGibibyte}, kGibibyte, this->kWrite).ok());
    EXPECT_EQ(this->mapper_.translate(kAt)->leaf_bytes, kGibibyte);
    EXPECT_EQ(this->pool_.free_count(), 63 - this->kLevels);
    PhysicalAddress table = this->root_;
    for (unsigned level = this->kLevels - 1; level > 2; --level)
        table = TestFixture::Format::table_address(direct_map<std::uint64_t>(table)[0]);
    EXPECT_EQ(direct_map<std::uint64_t>(table)[3], 0x2000'00D7U);
    this->mapper_.destroy_all();
    EXPECT_EQ(this->pool_.free_count(), 60U);
}

}  // namespace
}  // namespace redoubt::kernel
