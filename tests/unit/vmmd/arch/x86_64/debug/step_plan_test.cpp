// Which instructions a single step treats in a special way.
#include "vmmd/arch/x86_64/debug/step_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::vmmd {
namespace {

using Kind = StepPlan::Kind;

StepPlan plan(std::vector<std::uint8_t> bytes, isa::CodeMode mode = isa::CodeMode::Long64) {
    return plan_step(bytes, mode);
}

TEST(StepPlan, InstructionsThatReplaceOrSaveTheFlagsAreFound) {
    EXPECT_EQ(plan({0x9C}).kind, Kind::PushFlags);
    EXPECT_EQ(plan({0x66, 0x9C}).kind, Kind::PushFlags);
    EXPECT_EQ(plan({0x0F, 0x05}).kind, Kind::SystemCall);
    EXPECT_EQ(plan({0x48, 0x0F, 0x07}).kind, Kind::SystemReturn);
    EXPECT_EQ(plan({0xCC}).vector, 3);
    EXPECT_EQ(plan({0xCC}).length, 1);
    const auto call = plan({0xCD, 0x80});
    EXPECT_EQ(call.kind, Kind::SoftwareInterrupt);
    EXPECT_EQ(call.vector, 0x80);
    EXPECT_EQ(call.length, 2);
}

TEST(StepPlan, AllOthersArePlain) {
    EXPECT_EQ(plan({0x90}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x48, 0x89, 0xC0}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x9D}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x48, 0xCF}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x0F, 0xA2}).kind, Kind::Plain);
}

TEST(StepPlan, RexIsAnInstructionOutsideOf64BitCode) {
    EXPECT_EQ(plan({0x48, 0x9C}).kind, Kind::PushFlags);
    EXPECT_EQ(plan({0x48, 0x9C}, isa::CodeMode::Protected32).kind, Kind::Plain);
}

TEST(StepPlan, WhatCannotBeReadIsPlain) {
    EXPECT_EQ(plan({}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x66, 0x66}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x48}).kind, Kind::Plain);
    EXPECT_EQ(plan({0x0F}).kind, Kind::Plain);
}

}  // namespace
}  // namespace redoubt::vmmd
