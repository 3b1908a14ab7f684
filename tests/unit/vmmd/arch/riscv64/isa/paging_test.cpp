// The guest's page tables, looked at from outside.
#include "vmmd/arch/riscv64/isa/paging.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::vmmd::isa {
namespace {

constexpr std::uint64_t kBase = 0x8000'0000;

class PagingTest : public testing::Test {
  protected:
    PagingTest() { memory.add(hvcall::GuestPhysicalAddress{kBase}, bytes); }

    void entry(unsigned table, unsigned index, std::uint64_t target, std::uint64_t flags) {
        ASSERT_TRUE(memory.write(hvcall::GuestPhysicalAddress{kBase + table * 4096 + index * 8},
                                 target >> 12 << 10 | flags));
    }
    std::optional<std::uint64_t> find(std::uint64_t address) {
        return translate(state, memory, address);
    }
    void use(std::uint64_t mode) { state.vsatp = mode << 60 | kBase >> 12; }

    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(16 * 4096);
    hvcall::GuestMemory memory;
    abi::VcpuState state{};
};

TEST_F(PagingTest, WithoutTablesAddressesAreThemselves) { EXPECT_EQ(find(0x1234), 0x1234U); }

TEST_F(PagingTest, Sv39) {
    use(8);
    entry(0, 2, kBase + 4096, 1);
    entry(1, 3, kBase + 2 * 4096, 1);
    entry(2, 4, 0x8765'4000, 0xCF);
    const auto address = 2ULL << 30 | 3ULL << 21 | 4ULL << 12;
    EXPECT_EQ(find(address + 0x123), 0x8765'4123U);
    EXPECT_EQ(find(address + 0x1000), std::nullopt);
    EXPECT_EQ(find(1ULL << 38), std::nullopt) << "not canonical";
    EXPECT_FALSE(is_canonical(state, 1ULL << 38));
    EXPECT_TRUE(is_canonical(state, ~0ULL));
}

TEST_F(PagingTest, LargePages) {
    use(8);
    entry(0, 511, 0x4000'0000, 0xCF);
    EXPECT_EQ(find(0xFFFF'FFFF'C012'3456), 0x4012'3456U);
    entry(0, 510, 0x4000'1000, 0xCF);
    EXPECT_EQ(find(0xFFFF'FFFF'8000'0000), std::nullopt) << "misaligned";
}

TEST_F(PagingTest, Sv48AndSv57) {
    entry(0, 1, kBase + 4096, 1);
    entry(1, 1, kBase + 2 * 4096, 1);
    entry(2, 1, kBase + 3 * 4096, 1);
    entry(3, 1, kBase + 4 * 4096, 1);
    entry(4, 1, 0x9000'0000, 0xCF);
    use(10);
    EXPECT_EQ(find(1ULL << 48 | 1ULL << 39 | 1ULL << 30 | 1ULL << 21 | 1ULL << 12), 0x9000'0000U);
    state.vsatp = 9ULL << 60 | (kBase + 4096) >> 12;
    EXPECT_EQ(find(1ULL << 39 | 1ULL << 30 | 1ULL << 21 | 1ULL << 12), 0x9000'0000U);
}

TEST_F(PagingTest, TablesThatAreNoMemoryOrLeadNowhere) {
    state.vsatp = 8ULL << 60 | 5;
    EXPECT_EQ(find(0), std::nullopt);
    use(8);
    entry(0, 0, kBase, 1);  // itself, for ever
    EXPECT_EQ(find(0), std::nullopt);
    state.vsatp = 15ULL << 60;
    EXPECT_EQ(find(0), std::nullopt);
}

}  // namespace
}  // namespace redoubt::vmmd::isa
