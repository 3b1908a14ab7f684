// Loads and stores that were seen before: what is remembered is what is there now.
#include "vmmd/arch/riscv64/isa/access_cache.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::vmmd::isa {
namespace {

constexpr std::uint64_t kBase = 0x8000'0000, kCode = 0x8000'8000, kLinear = 0x12'3456'7000;
constexpr std::uint64_t kTable = 1, kPage = 0xCF;
constexpr std::uint32_t kLoad = 0x0005'2283;   // lw t0, 0(a0)
constexpr std::uint32_t kStore = 0x0055'2023;  // sw t0, 0(a0)

class AccessCacheTest : public testing::Test {
  protected:
    AccessCacheTest() {
        memory.add(hvcall::GuestPhysicalAddress{kBase}, bytes);
        put(kCode, kLoad);
        state.pc = kCode;
    }
    template <class T>
    void put(std::uint64_t address, T value) {
        ASSERT_TRUE(memory.write(hvcall::GuestPhysicalAddress{address}, value));
    }
    static std::uint64_t entry(unsigned level, std::uint64_t table) {
        return table + (kLinear >> (12 + 9 * level) & 511) * 8;
    }
    static std::uint64_t pointing(std::uint64_t target, std::uint64_t flags) {
        return target >> 12 << 10 | flags;
    }
    /// Sv39: tables in the first pages, the root at kBase.
    void use_tables() {
        put(entry(2, kBase), pointing(kBase + 0x1000, kTable));
        put(entry(1, kBase + 0x1000), pointing(kBase + 0x2000, kTable));
        put(entry(0, kBase + 0x2000), pointing(kCode, kPage));
        state.vsatp = 8ULL << 60 | kBase >> 12;
        state.pc = kLinear;
    }
    /// 'r', 'w', or '-' for nothing.
    char find() {
        AccessCache fresh;
        const auto* expected = fresh.at_pc(state, memory);
        const auto* access = cache.at_pc(state, memory);
        EXPECT_EQ(access == nullptr, expected == nullptr);
        if (access != nullptr && expected != nullptr) {
            EXPECT_EQ(*access, *expected);
        }
        return access == nullptr ? '-' : access->write ? 'w' : 'r';
    }

    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(16 * 4096);
    hvcall::GuestMemory memory;
    abi::VcpuState state{};
    AccessCache cache;
};

TEST_F(AccessCacheTest, TheInstructionsBytesCount) {
    EXPECT_EQ(find(), 'r');
    EXPECT_EQ(find(), 'r');
    put(kCode, kStore);
    EXPECT_EQ(find(), 'w');
    put(kCode, 0U);
    EXPECT_EQ(find(), '-');
    put(kCode, kLoad);
    EXPECT_EQ(find(), 'r');
    put(kCode, kLoad ^ 1U << 7);
    EXPECT_EQ(cache.at_pc(state, memory)->general_register, 4);
}

TEST_F(AccessCacheTest, EachTableCounts) {
    use_tables();
    put(kCode + 0x1000, kStore);
    EXPECT_EQ(find(), 'r');
    put(entry(0, kBase + 0x2000), pointing(kCode + 0x1000, kPage));
    EXPECT_EQ(find(), 'w');
    put(entry(0, kBase + 0x3000), pointing(kCode, kPage));
    put(entry(1, kBase + 0x1000), pointing(kBase + 0x3000, kTable));
    EXPECT_EQ(find(), 'r');
    put(entry(1, kBase + 0x4000), pointing(kBase + 0x2000, kTable));
    put(entry(2, kBase), pointing(kBase + 0x4000, kTable));
    EXPECT_EQ(find(), 'w');
    put(entry(2, kBase + 0x5000), pointing(kBase + 0x1000, kTable));
    state.vsatp = 8ULL << 60 | (kBase + 0x5000) >> 12;
    EXPECT_EQ(find(), 'r');
    put(entry(2, kBase + 0x5000), 0ULL);
    EXPECT_EQ(find(), '-');
}

TEST_F(AccessCacheTest, AnInstructionOfTwoPagesIsWholeInBoth) {
    use_tables();
    const auto next = entry(0, kBase + 0x2000) + 8;
    put(next, pointing(kCode + 0x1000, kPage));
    state.pc = kLinear + 0xFFE;
    put(kCode + 0xFFE, static_cast<std::uint16_t>(kLoad));
    put(kCode + 0x1000, static_cast<std::uint16_t>(kLoad >> 16));
    EXPECT_EQ(find(), 'r');
    put(kCode + 0x2000, static_cast<std::uint16_t>(0x0015));
    put(next, pointing(kCode + 0x2000, kPage));
    EXPECT_EQ(find(), 'r');
    put(next, 0ULL);
    EXPECT_EQ(find(), '-');
}

TEST_F(AccessCacheTest, ACompressedOneNeedsNoMoreThanItsBytes) {
    use_tables();
    state.pc = kLinear + 0xFFE;
    put(kCode + 0xFFE, static_cast<std::uint16_t>(0x411C));  // c.lw a5, 0(a0)
    EXPECT_EQ(find(), 'r');
    EXPECT_EQ(cache.at_pc(state, memory)->length, 2);
}

TEST_F(AccessCacheTest, WhereThereIsNoMemoryThereIsNothing) {
    state.pc = 0;
    EXPECT_EQ(find(), '-');
    state.pc = kBase + bytes.size() - 2;
    EXPECT_EQ(find(), '-');
}

}  // namespace
}  // namespace redoubt::vmmd::isa
