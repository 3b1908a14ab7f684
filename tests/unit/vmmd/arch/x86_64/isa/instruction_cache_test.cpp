// Instructions that the emulator has seen before: whatever changes by which the processor finds or
// reads them, it sees the change.
#include "tests/unit/vmmd/arch/x86_64/isa/guest_fixture.hpp"

namespace redoubt::vmmd::isa {
namespace {

constexpr std::uint64_t kPresent = 1, kUser = 4, kAccessed = 0x20, kTable = 7,
                        kNoExecute = 1ULL << 63;

/// Small pages at kLinear, by tables at 0x20000, 0x21000, 0x22000 and 0x23000.
class InstructionCache : public GuestTest {
  protected:
    static constexpr std::uint64_t kLinear = 0x40'2345'6000;

    InstructionCache() {
        for (unsigned level = 0; level < 3; ++level) put64(entry(level), table(level + 1) | kTable);
        put64(entry(3), 0x5000 | kTable);
        put_code(0x5000, 5);
        state_.cr3 = table(0);
    }

    static constexpr std::uint64_t table(unsigned level) { return 0x20000 + level * 0x1000; }
    /// Where the entry of a level is, in that table or in another one.
    static constexpr std::uint64_t entry(unsigned level, std::uint64_t in = 0) {
        return (in != 0 ? in : table(level)) + (kLinear >> (39 - 9 * level) & 511) * 8;
    }
    /// mov ecx, `value`
    void put_code(std::uint64_t address, std::uint8_t value) {
        const std::uint8_t bytes[] = {0xB9, value, 0, 0, 0};
        std::ranges::copy(bytes, ram_.begin() + static_cast<std::ptrdiff_t>(address));
    }
    /// What the instruction at kLinear puts into ecx, or nothing if it cannot be read.
    std::optional<std::uint64_t> run(std::uint64_t rip = kLinear) {
        state_.rip = rip;
        state_.exit = {};
        if (const auto done = emulator_.execute(); !done) {
            EXPECT_EQ(done.error(), "an instruction that cannot be read");
            return std::nullopt;
        }
        return state_.gpr[abi::kRcx];
    }
};

TEST_F(InstructionCache, EachByteCounts) {
    for (std::uint64_t byte = 1; byte < 5; ++byte) {
        const auto before = run();
        ram_[0x5000 + byte] ^= 0xFF;
        EXPECT_EQ(run(), *before ^ std::uint64_t{0xFF} << 8 * (byte - 1));
    }
    EXPECT_EQ(run(), 0xFFFF'FFFAU);
    ram_[0x5000] = 0xBA;  // mov edx
    state_.gpr[abi::kRcx] = 1;
    EXPECT_EQ(run(), 1U);
    EXPECT_EQ(state_.gpr[abi::kRdx], 0xFFFF'FFFAU);
}

TEST_F(InstructionCache, EachLevelsEntryCounts) {
    EXPECT_EQ(run(), 5U);
    put_code(0x6000, 6);
    for (unsigned level = 3; level > 0; --level) {
        // A second table of this level, whose way leads to the other page.
        const auto second = table(level) + 0x10000;
        put64(entry(level, second),
              level == 3 ? 0x6000 | kTable : (table(level + 1) + 0x10000) | kTable);
        const auto old = get64(entry(level - 1));
        put64(entry(level - 1), second | kTable);
        EXPECT_EQ(run(), 6U) << "level " << level;
        put64(entry(level - 1), old);
        EXPECT_EQ(run(), 5U) << "level " << level;
    }
    const auto second = table(0) + 0x10000;
    put64(entry(0, second), (table(1) + 0x10000) | kTable);
    state_.cr3 = second;
    EXPECT_EQ(run(), 6U) << "CR3";
    state_.cr3 = table(0);
    put64(entry(3), 0x6000 | kTable);
    EXPECT_EQ(run(), 6U) << "the page itself";
}

TEST_F(InstructionCache, RightsCountAtEachLevel) {
    for (unsigned level = 0; level < 4; ++level) {
        const auto value = get64(entry(level));
        EXPECT_EQ(run(), 5U);
        put64(entry(level), value & ~kPresent);
        EXPECT_EQ(run(), std::nullopt) << "not present, level " << level;
        put64(entry(level), value | kNoExecute);
        EXPECT_EQ(run(), std::nullopt) << "no-execute, level " << level;
        put64(entry(level), value);
        state_.cpl = 3;
        EXPECT_EQ(run(), 5U);
        put64(entry(level), value & ~kUser);
        EXPECT_EQ(run(), std::nullopt) << "not for users, level " << level;
        state_.cpl = 0;
        EXPECT_EQ(run(), 5U);
        put64(entry(level), value);
    }
    EXPECT_EQ(run(), 5U);
    state_.cr4 |= cr4::kSmep;
    EXPECT_EQ(run(), std::nullopt) << "SMEP";
    state_.cr4 &= ~cr4::kSmep;
    EXPECT_EQ(run(), 5U);
}

TEST_F(InstructionCache, AccessedBitsAreSetAgain) {
    for (unsigned level = 0; level < 4; ++level) {
        EXPECT_EQ(run(), 5U);
        put64(entry(level), get64(entry(level)) & ~kAccessed);
        EXPECT_EQ(run(), 5U);
        EXPECT_NE(get64(entry(level)) & kAccessed, 0U) << "level " << level;
    }
}

TEST_F(InstructionCache, AnInstructionOfTwoPagesIsWholeInBoth) {
    const auto next = entry(3) + 8;
    put64(next, 0x7000 | kTable);
    ram_[0x5FFE] = 0xB9;
    ram_[0x5FFF] = 1;
    ram_[0x7000] = 2;
    EXPECT_EQ(run(kLinear + 0xFFE), 0x201U);
    ram_[0x8000] = 3;
    put64(next, 0x8000 | kTable);
    EXPECT_EQ(run(kLinear + 0xFFE), 0x301U);
    put64(next, 0);
    EXPECT_FALSE(emulator_.execute());
}

TEST_F(InstructionCache, ModeAndSegmentCount) {
    state_.cr0 &= ~cr0::kPg;
    state_.efer = 0;
    state_.cs_attributes = 1U << 10;
    put_code(0x9000, 9);
    put_code(0xA000, 10);
    EXPECT_EQ(run(0x9000), 9U);
    state_.cs_base = 0x1000;
    EXPECT_EQ(run(0x9000), 10U);
    state_.cs_base = 0;
    state_.gpr[abi::kRcx] = 0xFFFF'FFFF;
    state_.cs_attributes = 0;  // 16 bits: mov cx
    EXPECT_EQ(run(0x9000), 0xFFFF'0009U);
}

}  // namespace
}  // namespace redoubt::vmmd::isa
