// Where instructions lead to.
#include "vmmd/arch/riscv64/debug/step_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::vmmd {
namespace {

class StepPlanTest : public testing::Test {
  protected:
    StepPlanTest() {
        state.pc = 0x1000;
        state.mode = 1;
        state.gpr[10] = 0x2001;
    }
    std::vector<std::uint64_t> after(std::uint32_t instruction) {
        const auto plan = plan_step(state, instruction);
        return {plan.targets.begin(), plan.targets.begin() + plan.count};
    }
    using Addresses = std::vector<std::uint64_t>;
    abi::VcpuState state{};
};

TEST_F(StepPlanTest, PlainOnes) {
    EXPECT_EQ(after(0x0000'0013), Addresses{0x1004});
    EXPECT_EQ(after(0x0001), Addresses{0x1002});
    EXPECT_EQ(after(0x0000'0073), Addresses{0x1004}) << "an ECALL of VS-mode comes back";
}

TEST_F(StepPlanTest, Jumps) {
    EXPECT_EQ(after(0x0080'006F), Addresses{0x1008});  // j +8
    EXPECT_EQ(after(0xFF9F'F06F), Addresses{0xFF8});   // j -8
    EXPECT_EQ(after(0x0045'00E7), Addresses{0x2004});  // jalr ra, 4(a0)
    EXPECT_EQ(after(0xA021), Addresses{0x1008});       // c.j +8
    EXPECT_EQ(after(0xBFE5), Addresses{0xFF8});        // c.j -8
    EXPECT_EQ(after(0x8502), Addresses{0x2000});       // c.jr a0
    EXPECT_EQ(after(0x9502), Addresses{0x2000});       // c.jalr a0
}

TEST_F(StepPlanTest, Branches) {
    EXPECT_EQ(after(0x00B5'0463), (Addresses{0x1004, 0x1008}));  // beq a0, a1, +8
    EXPECT_EQ(after(0xFEB5'1CE3), (Addresses{0x1004, 0xFF8}));   // bne a0, a1, -8
    EXPECT_EQ(after(0xC501), (Addresses{0x1002, 0x1008}));       // c.beqz a0, +8
    EXPECT_EQ(after(0xFD65), (Addresses{0x1002, 0xFF8}));        // c.bnez a0, -8
}

TEST_F(StepPlanTest, TrapsAndReturns) {
    state.vsepc = 0x5000;
    state.vstvec = 0x6001;
    EXPECT_EQ(after(0x1020'0073), Addresses{0x5000});
    state.mode = 0;
    EXPECT_EQ(after(0x0000'0073), Addresses{0x6000});
}

}  // namespace
}  // namespace redoubt::vmmd
