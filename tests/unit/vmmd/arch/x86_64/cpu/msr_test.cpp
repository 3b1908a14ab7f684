// MSRs that vmmd keeps: reset values, writable bits, and the checks of EFER.
#include "vmmd/arch/x86_64/cpu/msr.hpp"

#include <gtest/gtest.h>

#include "libhvcall/model/model_hypervisor.hpp"
#include "vmmd/arch/x86_64/cpu/cpuid.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/isa/control_registers.hpp"
#include "vmmd/guest_clock.hpp"

namespace redoubt::vmmd {
namespace {

CpuidRegisters amd_host(std::uint32_t leaf, std::uint32_t) {
    if (leaf == 0) return {0xD, 0x68747541, 0x444D4163, 0x69746E65};
    if (leaf == 0x80000000) return {0x8000001F, 0x68747541, 0x444D4163, 0x69746E65};
    if (leaf == 0x80000008) return {0x3028, 0, 0, 0};
    return {~0U, ~0U, ~0U, ~0U};
}

/// Has never run: the hypervisor knows nothing of what is in its page.
class WaitingVcpu final : public hvcall::Vcpu {
  public:
    WaitingVcpu() : Vcpu(&page_) {}
    hvcall::RunResult run() override { return hvcall::RunResult::Destroyed; }
    void wait(hvcall::HostTicks) override {}
    void kick() override {}
    void get_state(abi::RegisterGroup groups) override {
        if (groups == abi::RegisterGroup::Tsc) page_.tsc_offset = 0;
    }
    void set_identification(std::span<const std::byte>) override {}

  private:
    abi::VcpuState page_{};
};

class Msr : public testing::Test {
  protected:
    Msr() : ram_(4096) {
        memory_.add(hvcall::GuestPhysicalAddress{0}, ram_);
        bank_.reset(64 << 20, 64 << 20, hypervisor_.ticks_now());
    }

    std::vector<std::uint8_t> ram_;
    hvcall::GuestMemory memory_;
    hvcall::model::ModelHypervisor hypervisor_;
    hvcall::model::ModelVcpu vcpu_{memory_, std::make_shared<hvcall::model::WakeUp>(), {}};
    GuestClock clock_{hypervisor_};
    TimerQueue timers_{clock_};
    TscClock tsc_{clock_, 1'000'000'000};
    CpuidPolicy cpuid_{amd_host, 0, 1};
    LocalApic apic_{0, timers_, tsc_, {}};
    unsigned unknown_ = 0;
    MsrBank bank_{vcpu_,
                  memory_,
                  hypervisor_,
                  cpuid_,
                  apic_,
                  tsc_,
                  [this](std::uint32_t, bool, std::uint64_t) { ++unknown_; }};
};

TEST_F(Msr, TscStartsAtZeroAndCanBeSet) {
    EXPECT_LT(*bank_.read(msr::kTsc), 1'000'000'000U);
    ASSERT_TRUE(bank_.write(msr::kTsc, std::uint64_t{1} << 50));
    EXPECT_GE(*bank_.read(msr::kTsc), std::uint64_t{1} << 50);
    EXPECT_GT(*bank_.read(msr::kTscAdjust), std::uint64_t{1} << 49)
        << "a write shows up in TSC_ADJUST";
    ASSERT_TRUE(bank_.write(msr::kTscAdjust, 0));
    EXPECT_LT(*bank_.read(msr::kTsc), 1'000'000'000U);
    // The devices' view agrees.
    EXPECT_NEAR(static_cast<double>(tsc_.now().count), static_cast<double>(*bank_.read(msr::kTsc)),
                5e7);
}

TEST_F(Msr, EveryPauseDelaysTheTscOfAVcpuThatDoesNotRunInBetween) {
    WaitingVcpu vcpu;
    MsrBank bank(vcpu, memory_, hypervisor_, cpuid_, apic_, tsc_, {});
    bank.reset(64 << 20, 64 << 20, {5000});
    bank.delay_tsc(300);
    bank.delay_tsc(700);
    EXPECT_EQ(vcpu.state().tsc_offset, std::uint64_t{0} - 6000);
    EXPECT_NE(vcpu.state().dirty & static_cast<std::uint32_t>(abi::RegisterGroup::Tsc), 0U);
}

TEST_F(Msr, ReadOnlyRegistersRefuseChanges) {
    EXPECT_FALSE(bank_.write(0xFE, 0));
    EXPECT_TRUE(bank_.write(0xFE, *bank_.read(0xFE)));
    EXPECT_FALSE(bank_.write(0xC001'0114, 0)) << "VM_CR is locked";
    EXPECT_FALSE(bank_.write(0x2FF, 0x1000));
    EXPECT_EQ(unknown_, 0U);
}

TEST_F(Msr, UnknownRegistersAreReported) {
    EXPECT_FALSE(bank_.read(0xDEAD));
    EXPECT_FALSE(bank_.write(0xDEAD, 1));
    EXPECT_EQ(unknown_, 2U);
}

TEST_F(Msr, MtrrsAreStoredAndReset) {
    ASSERT_TRUE(bank_.write(0x202, 0x1234'5006));
    EXPECT_EQ(bank_.read(0x202), 0x1234'5006U);
    bank_.reset(64 << 20, 64 << 20, hypervisor_.ticks_now());
    EXPECT_EQ(bank_.read(0x202), 0U);
    EXPECT_EQ(bank_.read(0x200), 0xC000'0000U);
    EXPECT_EQ(bank_.read(0xC001'001A), 64U << 20);
}

TEST_F(Msr, EferRefusesReservedBitsSvmAndChangingLmeUnderPaging) {
    auto& state = vcpu_.state();
    state.efer = 0;
    state.cr0 = 1;
    EXPECT_TRUE(bank_.write(msr::kEfer, isa::efer::kLme | isa::efer::kNxe | isa::efer::kSce));
    EXPECT_EQ(state.efer, isa::efer::kLme | isa::efer::kNxe | isa::efer::kSce);
    EXPECT_FALSE(bank_.write(msr::kEfer, isa::efer::kLme | 1U << 12)) << "SVME";
    EXPECT_FALSE(bank_.write(msr::kEfer, 1ULL << 40));
    state.cr0 |= 1U << 31;
    state.efer |= isa::efer::kLma;
    EXPECT_FALSE(bank_.write(msr::kEfer, 0)) << "LME under paging";
    EXPECT_TRUE(bank_.write(msr::kEfer, isa::efer::kLme));
    EXPECT_EQ(state.efer, isa::efer::kLme | isa::efer::kLma) << "LMA is the processor's";
}

TEST_F(Msr, TscAuxTakes32Bits) {
    EXPECT_TRUE(bank_.write(msr::kTscAux, 7));
    EXPECT_EQ(bank_.read(msr::kTscAux), 7U);
    EXPECT_FALSE(bank_.write(msr::kTscAux, 1ULL << 32));
}

}  // namespace
}  // namespace redoubt::vmmd
