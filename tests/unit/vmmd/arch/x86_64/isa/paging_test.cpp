// Page walks in every mode: addresses, rights, error codes, accessed and dirty bits.
#include "vmmd/arch/x86_64/isa/paging.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace redoubt::vmmd::isa {
namespace {

constexpr std::uint64_t kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40,
                        kLarge = 0x80, kNoExecute = 1ULL << 63;

class Paging : public testing::Test {
  protected:
    Paging() : ram_(1 << 20) {
        memory_.add(hvcall::GuestPhysicalAddress{0}, ram_);
        state_.cr0 = 1U << 31 | 1U << 16 | 1;
        state_.cr3 = 0x1000;
        state_.rflags = 2;
    }
    void long_mode() {
        state_.cr4 = 1U << 5;
        state_.efer = 1U << 10 | 1U << 11;
        state_.cs_attributes = 1U << 9;
    }
    template <class T>
    void put(std::uint64_t address, T value) {
        std::memcpy(ram_.data() + address, &value, sizeof value);
    }
    template <class T>
    T get(std::uint64_t address) const {
        T value;
        std::memcpy(&value, ram_.data() + address, sizeof value);
        return value;
    }
    auto walk(std::uint64_t linear, Access access = Access::Read) {
        return translate(state_, memory_, linear, access);
    }
    /// Four levels that map linear 0x40_2345_6000 with `leaf`.
    static constexpr std::uint64_t kLinear = 0x40'2345'6789;
    void four_levels(std::uint64_t leaf, std::uint64_t upper = kPresent | kWritable | kUser) {
        put<std::uint64_t>(0x1000 + (kLinear >> 39 & 511) * 8, 0x2000 | upper);
        put<std::uint64_t>(0x2000 + (kLinear >> 30 & 511) * 8, 0x3000 | upper);
        put<std::uint64_t>(0x3000 + (kLinear >> 21 & 511) * 8, 0x4000 | upper);
        put<std::uint64_t>(0x4000 + (kLinear >> 12 & 511) * 8, leaf);
    }

    std::vector<std::uint8_t> ram_;
    hvcall::GuestMemory memory_;
    abi::VcpuState state_{};
};

TEST_F(Paging, OffMeansIdentity) {
    state_.cr0 = 1;
    EXPECT_EQ(walk(0x1'2345'6789), 0x2345'6789U);
}

TEST_F(Paging, FourLevelsFindASmallPage) {
    long_mode();
    four_levels(0xABCD'E000 | kPresent | kWritable | kUser);
    EXPECT_EQ(walk(kLinear), 0xABCD'E789U);
    state_.cpl = 3;
    EXPECT_EQ(walk(kLinear, Access::Write), 0xABCD'E789U);
}

TEST_F(Paging, LargePagesEndTheWalkEarly) {
    long_mode();
    four_levels(0);
    put<std::uint64_t>(0x3000 + (kLinear >> 21 & 511) * 8, 0x4000'0000 | kLarge | kPresent);
    EXPECT_EQ(walk(kLinear), 0x4000'0000U | (kLinear & 0x1F'FFFF));
    put<std::uint64_t>(0x2000 + (kLinear >> 30 & 511) * 8, 0x8000'0000 | kLarge | kPresent);
    EXPECT_EQ(walk(kLinear), 0x8000'0000U | (kLinear & 0x3FFF'FFFF));
}

TEST_F(Paging, FaultsHaveTheProcessorsErrorCodes) {
    long_mode();
    four_levels(0);
    EXPECT_EQ(walk(kLinear).error().error_code, 0U);
    EXPECT_EQ(walk(kLinear).error().address, kLinear);
    EXPECT_EQ(walk(kLinear, Access::Write).error().error_code, 2U);
    EXPECT_EQ(walk(kLinear, Access::Fetch).error().error_code, 0x10U);
    four_levels(0x5000 | kPresent);  // supervisor, read-only
    EXPECT_EQ(walk(kLinear, Access::Write).error().error_code, 3U);
    state_.cpl = 3;
    EXPECT_EQ(walk(kLinear).error().error_code, 5U);
    EXPECT_EQ(walk(kLinear, Access::Write).error().error_code, 7U);
}

TEST_F(Paging, SupervisorMayWriteReadOnlyPagesWithoutWp) {
    long_mode();
    four_levels(0x5000 | kPresent);
    state_.cr0 &= ~(1ULL << 16);
    EXPECT_EQ(walk(kLinear, Access::Write), 0x5789U);
}

TEST_F(Paging, NoExecuteSmepAndSmap) {
    long_mode();
    four_levels(0x5000 | kPresent | kUser | kNoExecute);
    EXPECT_EQ(walk(kLinear, Access::Fetch).error().error_code, 0x11U);
    EXPECT_TRUE(walk(kLinear));
    four_levels(0x5000 | kPresent | kUser);
    EXPECT_TRUE(walk(kLinear, Access::Fetch));
    state_.cr4 |= 1U << 20;
    EXPECT_FALSE(walk(kLinear, Access::Fetch));
    state_.cr4 |= 1U << 21;
    EXPECT_FALSE(walk(kLinear));
    state_.rflags |= 1U << 18;
    EXPECT_TRUE(walk(kLinear)) << "AC permits it";
    state_.efer &= ~(1ULL << 11);
    four_levels(0x5000 | kPresent | kNoExecute);
    EXPECT_EQ(walk(kLinear).error().error_code, 9U) << "NX is reserved without EFER.NXE";
}

TEST_F(Paging, RightsOfAllLevelsCount) {
    long_mode();
    four_levels(0x5000 | kPresent | kWritable | kUser, kPresent | kUser);
    EXPECT_FALSE(walk(kLinear, Access::Write));
    four_levels(0x5000 | kPresent | kUser, kPresent | kWritable);
    state_.cpl = 3;
    EXPECT_FALSE(walk(kLinear));
}

TEST_F(Paging, SetsAccessedAndDirtyOnlyWhenItSucceeds) {
    long_mode();
    four_levels(0x5000 | kPresent);
    EXPECT_FALSE(walk(kLinear, Access::Write));
    const auto leaf = 0x4000 + (kLinear >> 12 & 511) * 8;
    EXPECT_EQ(get<std::uint64_t>(leaf) & (kAccessed | kDirty), 0U);
    EXPECT_TRUE(walk(kLinear));
    EXPECT_EQ(get<std::uint64_t>(leaf) & (kAccessed | kDirty), kAccessed);
    EXPECT_NE(get<std::uint64_t>(0x1000 + (kLinear >> 39 & 511) * 8) & kAccessed, 0U);
    four_levels(0x5000 | kPresent | kWritable);
    EXPECT_TRUE(walk(kLinear, Access::Write));
    EXPECT_NE(get<std::uint64_t>(leaf) & kDirty, 0U);
}

TEST_F(Paging, PaeHasThreeLevelsAndFourRootEntries) {
    state_.cr4 = 1U << 5;
    state_.cr3 = 0x1020;
    put<std::uint64_t>(0x1020 + 2 * 8, 0x2000 | kPresent);  // 0x8000_0000
    put<std::uint64_t>(0x2000, 0x3000 | kPresent | kWritable);
    put<std::uint64_t>(0x3000 + 5 * 8, 0x1'0000'7000 | kPresent | kWritable);
    EXPECT_EQ(walk(0x8000'5123, Access::Write), 0x1'0000'7123U);
}

TEST_F(Paging, ThirtyTwoBitTablesWithLargePages) {
    put<std::uint32_t>(0x1000 + 1 * 4, 0x2000 | 7);
    put<std::uint32_t>(0x2000 + 3 * 4, 0x9000 | 7);
    EXPECT_EQ(walk(0x0040'3456), 0x9456U);
    put<std::uint32_t>(0x1000 + 2 * 4, 0x00C0'0000 | 0x83);
    EXPECT_FALSE(walk(0x0081'2345)) << "without CR4.PSE it is a table, and beyond memory";
    state_.cr4 = 1U << 4;
    EXPECT_EQ(walk(0x0081'2345), 0x00C1'2345U);
}

TEST_F(Paging, TablesOutsideOfMemoryAreNotPresent) {
    long_mode();
    state_.cr3 = 0xFFFF'FFFF'F000 & 0x000F'FFFF'FFFF'F000;
    EXPECT_FALSE(walk(kLinear));
}

}  // namespace
}  // namespace redoubt::vmmd::isa
