// Sv48 tables as the privileged specification lays them out, made by the shared mapper, which has
// to look through tables because entries have no room for counts.
#include "arch/page_format.hpp"

#include <gtest/gtest.h>

#include "emulated_memory.hpp"
#include "kernel/hv/hext/stage2.hpp"
#include "kernel/mm/mapper_editing.hpp"

namespace redoubt::kernel {
namespace {

class Sv48 : public ::testing::Test {
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

TEST_F(Sv48, AnEntryHasTheBitsOfTheSpecification) {
    EXPECT_EQ(UserPageFormat::make_table(PhysicalAddress{0x8000'1000}), 0x2000'0401U);
    EXPECT_EQ(UserPageFormat::make_leaf(PhysicalAddress{0x8000'1000}, 0, kWrite.user()),
              0x2000'0400U | 0xD7);
    EXPECT_EQ(UserPageFormat::make_leaf(PhysicalAddress{0x8000'1000}, 0, kRead.execute().global()),
              0x2000'0400U | 0x6B);
    EXPECT_EQ(UserPageFormat::leaf_address(0x2000'04D7, 0), PhysicalAddress{0x8000'1000});
}

TEST_F(Sv48, NoEntryHasReservedBits) {
    ASSERT_TRUE(mapper_
                    .map(VirtualAddress{0x40'0000'1000}, PhysicalAddress{0x8000'1000},
                         3 * kPageSize, kWrite.user())
                    .ok());
    constexpr std::uint64_t kReserved = ~0ULL << 54;
    const PhysicalAddress first = next(root_, 0), second = next(first, 256),
                          third = next(second, 0);
    for (const std::uint64_t value :
         {entry(root_, 0), entry(first, 256), entry(second, 0), entry(third, 1), entry(third, 3)}) {
        EXPECT_NE(value, 0U);
        EXPECT_EQ(value & kReserved, 0U);
    }
    // Of entries that point to tables, accessed, dirty and user too.
    EXPECT_EQ(entry(root_, 0) & 0x3FF, 1U);
    EXPECT_EQ(mapper_.translate(VirtualAddress{0x40'0000'2345})->address,
              PhysicalAddress{0x8000'2345});
}

TEST_F(Sv48, TablesGoBackWithTheirLastEntry) {
    const std::size_t before = pool_.free_count();
    const VirtualAddress address{0x1000'0000};
    ASSERT_TRUE(mapper_.map(address, PhysicalAddress{0x9000'0000}, 4 * kPageSize, kRead).ok());
    EXPECT_EQ(pool_.free_count(), before - 3);
    ASSERT_TRUE(mapper_.unmap(address, kPageSize).ok());
    ASSERT_TRUE(mapper_.unmap(address + 2 * kPageSize, 2 * kPageSize).ok());
    EXPECT_EQ(pool_.free_count(), before - 3);
    ASSERT_TRUE(mapper_.unmap(address + kPageSize, kPageSize).ok());
    EXPECT_EQ(pool_.free_count(), before);
}

TEST_F(Sv48, LargeLeavesSplitAndMerge) {
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

TEST_F(Sv48, ATableWithAHoleDoesNotMerge) {
    const VirtualAddress address{0x4000'0000};
    ASSERT_TRUE(mapper_.map(address, PhysicalAddress{0x8000'0000}, 2 << 20, kWrite).ok());
    ASSERT_TRUE(mapper_.unmap(address + (2 << 20) - kPageSize, kPageSize).ok());
    EXPECT_EQ(mapper_.merge(address).value(), kPageSize);
}

TEST_F(Sv48, GigabyteLeaves) {
    ASSERT_TRUE(
        mapper_.map(VirtualAddress{0x40'0000'0000}, PhysicalAddress{0x1'0000'0000}, 1 << 30, kWrite)
            .ok());
    EXPECT_EQ(mapper_.translate(VirtualAddress{0x40'3FFF'FFFF})->address,
              PhysicalAddress{0x1'3FFF'FFFF});
}

TEST_F(Sv48, FailureForLackOfFramesLeavesNothing) {
    FramePool small{memory_.frame(1), 2};
    Mapper mapper{root_, small};
    const std::size_t before = small.free_count();
    EXPECT_EQ(
        mapper.map(VirtualAddress{0x1000}, PhysicalAddress{0x8000'0000}, kPageSize, kRead).error(),
        abi::Error::NoMemory);
    EXPECT_EQ(small.free_count(), before);
}

// Sv39x4, of the hypervisor core: three levels, and a root of four pages.
class Sv39x4 : public ::testing::Test {
  protected:
    using Format = hext::GStageFormat;
    static constexpr PageFlags kRead = PageFlags{}.read(), kWrite = kRead.write();

    test::EmulatedMemory memory_{64};
    PhysicalAddress root_ = memory_.frame(0);
    FramePool pool_{memory_.frame(4), 60};
    EditingMapper<Format> mapper_{root_, pool_};
};

TEST_F(Sv39x4, EveryLeafIsTheUsers) {
    EXPECT_EQ(Format::make_leaf(PhysicalAddress{0x8000'1000}, 0, kWrite), 0x2000'0400U | 0xD7);
    EXPECT_FALSE(Format::flags_of(0x2000'04D7, 0).is_user());
}

TEST_F(Sv39x4, TheRootCoversTwoTebibytes) {
    constexpr GuestPhysicalAddress kLast{(1ULL << 41) - kPageSize};
    ASSERT_TRUE(mapper_.map(kLast, PhysicalAddress{0x8000'1000}, kPageSize, kWrite).ok());
    EXPECT_NE(direct_map<std::uint64_t>(root_)[2047], 0U);
    EXPECT_EQ(mapper_.translate(kLast + 5)->address, PhysicalAddress{0x8000'1005});
    EXPECT_EQ(
        mapper_.map(kLast + kPageSize, PhysicalAddress{0x8000'1000}, kPageSize, kWrite).error(),
        abi::Error::InvalidArgument);
    EXPECT_EQ(pool_.free_count(), 58U);
    ASSERT_TRUE(mapper_.unmap(kLast, kPageSize).ok());
    EXPECT_EQ(pool_.free_count(), 60U);
}

TEST_F(Sv39x4, AGibibyteIsALeafOfTheRoot) {
    constexpr std::uint64_t kGibibyte = 1ULL << 30;
    ASSERT_TRUE(mapper_
                    .map(GuestPhysicalAddress{3 * kGibibyte}, PhysicalAddress{2 * kGibibyte},
                         kGibibyte, kWrite)
                    .ok());
    EXPECT_EQ(direct_map<std::uint64_t>(root_)[3], 0x2000'00D7U);
    EXPECT_EQ(pool_.free_count(), 60U);
}

}  // namespace
}  // namespace redoubt::kernel
