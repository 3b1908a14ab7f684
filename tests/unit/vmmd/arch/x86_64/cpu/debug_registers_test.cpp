// What a guest sees in its debug registers, with and without a debugger that borrows them.
#include "vmmd/arch/x86_64/cpu/debug_registers.hpp"

#include <gtest/gtest.h>

#include "libhvcall/model/model_hypervisor.hpp"

namespace redoubt::vmmd {
namespace {

class DebugRegistersTest : public testing::Test {
  protected:
    DebugRegistersTest() {
        state_.dr6 = DebugRegisters::kDr6Fixed;
        state_.dr7 = DebugRegisters::kDr7Fixed;
        registers_.reset();
    }
    std::uint64_t read(unsigned number) { return registers_.read(number).value(); }

    hvcall::model::ModelHypervisor hypervisor_;
    std::unique_ptr<hvcall::Vm> vm_ = hypervisor_.create_vm(0);
    std::unique_ptr<hvcall::Vcpu> vcpu_ = vm_->create_vcpu(0);
    abi::VcpuState& state_ = vcpu_->state();
    DebugRegisters registers_{*vcpu_};
};

TEST_F(DebugRegistersTest, WhatIsWrittenIsInEffectAndCanBeRead) {
    ASSERT_TRUE(registers_.write(0, 0x1234));
    ASSERT_TRUE(registers_.write(7, 0x2));
    EXPECT_EQ(state_.dr[0], 0x1234U);
    EXPECT_EQ(state_.dr7, 0x402U);
    EXPECT_NE(state_.dirty & static_cast<std::uint32_t>(abi::RegisterGroup::Debug), 0U);
    EXPECT_EQ(read(0), 0x1234U);
    EXPECT_EQ(read(7), 0x402U);
    EXPECT_EQ(read(5), 0x402U) << "DR5 is another name without CR4.DE";
}

TEST_F(DebugRegistersTest, BadAccessesAreRefusedAsTheProcessorWould) {
    using Refusal = DebugRegisters::Refusal;
    EXPECT_EQ(registers_.write(7, 1ULL << 32).error(), Refusal::GeneralProtection);
    EXPECT_EQ(registers_.write(6, 1ULL << 63).error(), Refusal::GeneralProtection);
    EXPECT_EQ(registers_.read(8).error(), Refusal::InvalidOpcode);
    state_.cr4 = 1U << 3;
    EXPECT_EQ(registers_.read(4).error(), Refusal::InvalidOpcode);
    EXPECT_EQ(registers_.write(5, 0).error(), Refusal::InvalidOpcode);
    EXPECT_TRUE(registers_.write(7, 0));
}

TEST_F(DebugRegistersTest, TheGuestKeepsItsValuesWhileADebuggerHasTheProcessors) {
    ASSERT_TRUE(registers_.write(1, 0x1111));
    ASSERT_TRUE(registers_.write(7, 0x8));
    registers_.borrow({.addresses = {0xAAAA}, .dr7 = 0x402});
    EXPECT_EQ(state_.dr[0], 0xAAAAU);
    EXPECT_EQ(state_.dr7, 0x402U);
    EXPECT_EQ(read(0), 0U);
    EXPECT_EQ(read(7), 0x408U);
    ASSERT_TRUE(registers_.write(1, 0x2222));
    EXPECT_EQ(state_.dr[0], 0xAAAAU) << "not in effect yet";
    registers_.note_exception(0x4000);
    EXPECT_EQ(read(6), 0xFFFF'4FF0U);
    registers_.give_back();
    EXPECT_EQ(state_.dr[0], 0U);
    EXPECT_EQ(state_.dr[1], 0x2222U);
    EXPECT_EQ(state_.dr6, 0xFFFF'4FF0U);
    EXPECT_EQ(state_.dr7, 0x408U);
}

TEST_F(DebugRegistersTest, AResetLeavesTheDebuggersBreakpoints) {
    registers_.borrow({.addresses = {0xAAAA}, .dr7 = 0x402});
    state_.dr[0] = 0;
    state_.dr7 = DebugRegisters::kDr7Fixed;
    registers_.reset();
    EXPECT_EQ(state_.dr[0], 0xAAAAU);
    EXPECT_EQ(state_.dr7, 0x402U);
    EXPECT_EQ(read(7), 0x400U);
}

}  // namespace
}  // namespace redoubt::vmmd
