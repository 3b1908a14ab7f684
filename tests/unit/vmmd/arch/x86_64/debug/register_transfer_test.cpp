// The state page as gdb's registers, and back.
#include "arch/register_transfer.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace redoubt::vmmd {
namespace {

using namespace gdb;

constexpr auto group(abi::RegisterGroup which) { return static_cast<std::uint32_t>(which); }

class RegisterTransferTest : public testing::Test {
  protected:
    RegisterTransferTest() { state_.xsave_size = 832; }

    std::unique_ptr<abi::VcpuState> page_ = std::make_unique<abi::VcpuState>();
    abi::VcpuState& state_ = *page_;
};

TEST_F(RegisterTransferTest, RegistersAreInGdbsOrder) {
    for (unsigned i = 0; i < 16; ++i) state_.gpr[i] = 0x100 + i;
    state_.rip = 0xFFFF'FFFF'8100'0000;
    state_.rflags = 0x246;
    state_.segments[abi::kCs].selector = 0x10;
    state_.segments[abi::kGs].base = 0xFFFF'8880'0000'0000;
    state_.kernel_gs_base = 7;
    state_.cr3 = 0x1000;
    const auto registers = to_gdb(state_);
    EXPECT_EQ(registers.value(kRax), 0x100U);
    EXPECT_EQ(registers.value(kRbx), 0x100U + abi::kRbx);
    EXPECT_EQ(registers.value(kRcx), 0x100U + abi::kRcx);
    EXPECT_EQ(registers.value(kRsp), 0x100U + abi::kRsp);
    EXPECT_EQ(registers.value(kR15), 0x10FU);
    EXPECT_EQ(registers.value(kRip), 0xFFFF'FFFF'8100'0000U);
    EXPECT_EQ(registers.value(kEflags), 0x246U);
    EXPECT_EQ(registers.value(kCs), 0x10U);
    EXPECT_EQ(registers.value(kGsBase), 0xFFFF'8880'0000'0000U);
    EXPECT_EQ(registers.value(kKernelGsBase), 7U);
    EXPECT_EQ(registers.value(kCr3), 0x1000U);
}

TEST_F(RegisterTransferTest, AnFpuThatWasNeverUsedShowsItsInitialState) {
    const auto registers = to_gdb(state_);
    EXPECT_EQ(registers.value(kFctrl), 0x37FU);
    EXPECT_EQ(registers.value(kFtag), 0xFFFFU);
    EXPECT_EQ(registers.value(kMxcsr), 0x1F80U);
}

TEST_F(RegisterTransferTest, OnlyGroupsThatChangeAreLoaded) {
    auto registers = to_gdb(state_);
    registers.set(kRax, 1);
    registers.set(kRip, 2);
    from_gdb(state_, registers);
    EXPECT_EQ(state_.gpr[abi::kRax], 1U);
    EXPECT_EQ(state_.rip, 2U);
    EXPECT_EQ(state_.dirty, 0U);
    registers.set(kCr3, 0x5000);
    from_gdb(state_, registers);
    EXPECT_EQ(state_.cr3, 0x5000U);
    EXPECT_EQ(state_.dirty, group(abi::RegisterGroup::Control));
    registers.set(kFsBase, 0x7000);
    from_gdb(state_, registers);
    EXPECT_EQ(state_.segments[abi::kFs].base, 0x7000U);
    EXPECT_NE(state_.dirty & group(abi::RegisterGroup::Segments), 0U);
}

TEST_F(RegisterTransferTest, FpuRegistersThatWereWrittenCanBeReadAgain) {
    auto registers = to_gdb(state_);
    registers.set(kXmm0 + 3, 0x1122334455667788);
    registers.set(kSt0, 0x99);
    registers.set(kFtag, 0xFFFC);
    from_gdb(state_, registers);
    EXPECT_NE(state_.dirty & group(abi::RegisterGroup::Fpu), 0U);
    const auto again = to_gdb(state_);
    EXPECT_EQ(again.value(kXmm0 + 3), 0x1122334455667788U);
    EXPECT_EQ(again.value(kSt0), 0x99U);
    EXPECT_EQ(again.value(kFtag), 0xFFFCU);
    EXPECT_EQ(again, registers);
}

}  // namespace
}  // namespace redoubt::vmmd
