// Tables of CPUID answers: what is found, and that a bad one leaves none.
#include "kernel/hv/x86_64/cpuid_table.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace redoubt::kernel::hv {
namespace {

using abi::Error;
using abi::hv::CpuidEntry;

struct CpuidTableTest : testing::Test {
    std::unique_ptr<CpuidTable> table = std::make_unique<CpuidTable>();
};

TEST_F(CpuidTableTest, finds_each_entry_whatever_its_bucket) {
    std::vector<CpuidEntry> entries;
    for (std::uint32_t leaf = 0; leaf < 16; ++leaf) {
        for (const std::uint32_t base : {0U, 0x4000'0000U, 0x8000'0000U, 0x1234'0000U})
            entries.push_back({base + leaf, leaf, 0, base + leaf, 0, 0, 0, 0});
    }
    ASSERT_EQ(table->set(entries), Error::Ok);
    EXPECT_FALSE(table->empty());
    for (const CpuidEntry& entry : entries) {
        const CpuidEntry* found = table->find(entry.leaf, entry.subleaf);
        ASSERT_NE(found, nullptr) << entry.leaf;
        EXPECT_EQ(found->eax, entry.leaf);
        EXPECT_EQ(table->find(entry.leaf, entry.subleaf + 1), nullptr);
    }
    EXPECT_EQ(table->find(16, 0), nullptr);
    EXPECT_EQ(table->find(~0U, 0), nullptr);
}

TEST_F(CpuidTableTest, any_subleaf_and_the_first_of_several) {
    const CpuidEntry entries[] = {{4, 1, 0, 11, 0, 0, 0, 0},
                                  {4, 0, CpuidEntry::kAnySubleaf, 12, 0, 0, 0, 0},
                                  {4, 2, 0, 13, 0, 0, 0, 0}};
    ASSERT_EQ(table->set(entries), Error::Ok);
    EXPECT_EQ(table->find(4, 1)->eax, 11U);
    EXPECT_EQ(table->find(4, 2)->eax, 12U);
    EXPECT_EQ(table->find(4, ~0U)->eax, 12U);
}

TEST_F(CpuidTableTest, a_bad_one_leaves_none) {
    const CpuidEntry good{1, 0, 0, 1, 2, 3, 4, 0};
    CpuidEntry unknown_flag = good, reserved = good;
    unknown_flag.flags = 8;
    reserved.reserved = 1;
    for (const CpuidEntry& bad : {unknown_flag, reserved}) {
        ASSERT_EQ(table->set(std::vector{good}), Error::Ok);
        EXPECT_EQ(table->set(std::vector{good, bad}), Error::InvalidArgument);
        EXPECT_TRUE(table->empty());
        EXPECT_EQ(table->find(1, 0), nullptr);
    }
    EXPECT_EQ(table->set(std::vector<CpuidEntry>(abi::hv::kMaximumCpuidEntries, good)), Error::Ok);
    EXPECT_EQ(table->set(std::vector<CpuidEntry>(abi::hv::kMaximumCpuidEntries + 1, good)),
              Error::TooLarge);
    EXPECT_TRUE(table->empty());
}

TEST_F(CpuidTableTest, a_new_one_replaces_the_old) {
    ASSERT_EQ(table->set(std::vector<CpuidEntry>{{1, 0, 0, 1, 0, 0, 0, 0}}), Error::Ok);
    ASSERT_EQ(table->set(std::vector<CpuidEntry>{{2, 0, 0, 1, 0, 0, 0, 0}}), Error::Ok);
    EXPECT_EQ(table->find(1, 0), nullptr);
    EXPECT_NE(table->find(2, 0), nullptr);
    ASSERT_EQ(table->set({}), Error::Ok);
    EXPECT_TRUE(table->empty());
}

}  // namespace
}  // namespace redoubt::kernel::hv
