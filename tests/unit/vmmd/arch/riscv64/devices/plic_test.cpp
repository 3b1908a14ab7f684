// The PLIC by its registers and lines, as Linux's driver uses them.
#include "vmmd/arch/riscv64/devices/plic.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class PlicTest : public DeviceTest {
  protected:
    static constexpr std::uint64_t enable(unsigned hart) { return 0x2000 + 0x80 * hart; }
    static constexpr std::uint64_t threshold(unsigned hart) { return 0x20'0000 + 0x1000 * hart; }
    static constexpr std::uint64_t claim(unsigned hart) { return threshold(hart) + 4; }

    void set(std::uint64_t at, std::uint64_t value) { out(plic, at, value, 4); }
    std::uint64_t get(std::uint64_t at) { return in(plic, at, 4); }
    void enable_source(unsigned hart, unsigned source, unsigned priority = 1) {
        set(4 * source, priority);
        const auto at = enable(hart) + 4 * (source / 32);
        set(at, get(at) | 1U << source % 32);
    }

    std::array<bool, 2> outputs{};
    Plic plic{2, [this](unsigned hart, bool level) { outputs.at(hart) = level; }};
};

TEST_F(PlicTest, AnInterruptIsClaimedOnceAndComesAgainAfterItsCompletion) {
    enable_source(0, 10);
    plic.input(10).set(true);
    EXPECT_TRUE(outputs[0]);
    EXPECT_FALSE(outputs[1]);
    EXPECT_EQ(get(claim(0)), 10U);
    EXPECT_FALSE(outputs[0]);
    EXPECT_EQ(get(claim(0)), 0U);
    set(claim(0), 10);
    EXPECT_TRUE(outputs[0]) << "its line is still up";
    EXPECT_EQ(get(claim(0)), 10U);
    plic.input(10).set(false);
    set(claim(0), 10);
    EXPECT_FALSE(outputs[0]);
}

TEST_F(PlicTest, ARequestStaysWhenItsLineFalls) {
    enable_source(0, 10);
    plic.input(10).set(true);
    plic.input(10).set(false);
    EXPECT_EQ(get(claim(0)), 10U);
}

TEST_F(PlicTest, PriorityDecidesThenTheNumber) {
    enable_source(0, 10, 1);
    enable_source(0, 11, 3);
    enable_source(0, 40, 3);
    for (const unsigned source : {10, 40, 11}) plic.input(source).set(true);
    EXPECT_EQ(get(claim(0)), 11U);
    EXPECT_EQ(get(claim(0)), 40U);
    EXPECT_EQ(get(claim(0)), 10U);
}

TEST_F(PlicTest, TheThresholdHidesFromTheHartButNotFromClaims) {
    enable_source(0, 10, 2);
    set(threshold(0), 2);
    plic.input(10).set(true);
    EXPECT_FALSE(outputs[0]);
    EXPECT_EQ(get(claim(0)), 10U);
    set(claim(0), 10);
    set(threshold(0), 1);
    EXPECT_TRUE(outputs[0]);
}

TEST_F(PlicTest, OneOfTwoHartsGetsIt) {
    enable_source(0, 10);
    enable_source(1, 10);
    plic.input(10).set(true);
    EXPECT_TRUE(outputs[0] && outputs[1]);
    EXPECT_EQ(get(claim(1)), 10U);
    EXPECT_FALSE(outputs[0] || outputs[1]);
    EXPECT_EQ(get(claim(0)), 0U);
}

TEST_F(PlicTest, WithoutEnableOrPriorityThereIsNothing) {
    plic.input(10).set(true);
    EXPECT_EQ(get(0x1000), 1U << 10) << "pending";
    EXPECT_FALSE(outputs[0]);
    set(enable(0), 1U << 10);
    EXPECT_FALSE(outputs[0]) << "priority 0 is never";
    set(4 * 10, 1);
    EXPECT_TRUE(outputs[0]);
}

TEST_F(PlicTest, SourceZeroDoesNotExist) {
    set(0, 7);
    set(enable(0), 1);
    EXPECT_EQ(get(0), 0U);
    EXPECT_EQ(get(enable(0)), 0U);
    set(claim(0), 0);
}

TEST_F(PlicTest, WhatIsNotEnabledCannotBeCompleted) {
    enable_source(0, 10);
    plic.input(10).set(true);
    EXPECT_EQ(get(claim(0)), 10U);
    set(claim(1), 10);
    EXPECT_FALSE(outputs[0]);
    set(claim(0), 10);
    EXPECT_TRUE(outputs[0]);
}

TEST_F(PlicTest, ResetForgetsAllButTheWires) {
    enable_source(0, 10);
    plic.input(10).set(true);
    EXPECT_EQ(get(claim(0)), 10U);
    plic.reset();
    EXPECT_FALSE(outputs[0]);
    EXPECT_EQ(get(enable(0)), 0U);
    enable_source(0, 10);
    EXPECT_TRUE(outputs[0]);
}

TEST_F(PlicTest, OnlyWordsAreRegisters) {
    enable_source(0, 10);
    plic.input(10).set(true);
    EXPECT_EQ(in(plic, claim(0), 1), 0U);
    EXPECT_EQ(in(plic, claim(0), 8), 0U);
    EXPECT_EQ(get(claim(0)), 10U);
    out(plic, enable(0), 0, 8);
    EXPECT_NE(get(enable(0)), 0U);
}

}  // namespace
}  // namespace redoubt::vmmd
