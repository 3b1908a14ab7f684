// Register groups between state page and control block; what the monitor may not smuggle in.
#include "kernel/hv/svm/registers.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>

#include "kernel/hv/svm/control.hpp"
#include "kernel/hv/svm/vcpu.hpp"
#include "kernel/hv/x86_64/xsave.hpp"

namespace redoubt::kernel::svm {
namespace {

class RegistersTest : public testing::Test {
  protected:
    std::unique_ptr<Vmcb> vmcb = std::make_unique<Vmcb>();
    std::unique_ptr<abi::VcpuState> state = std::make_unique<abi::VcpuState>();
};

TEST_F(RegistersTest, a_new_control_block_holds_the_reset_state_and_intercepts_what_it_must) {
    initialize_control(*vmcb, PhysicalAddress{0x1000}, PhysicalAddress{0x2000},
                       PhysicalAddress{0x5000});
    EXPECT_EQ(vmcb->save.rip, 0xFFF0U);
    EXPECT_EQ(vmcb->save.cs.base, 0xFFFF'0000U);
    EXPECT_NE(vmcb->save.efer & kEferSvme, 0U);
    EXPECT_EQ(vmcb->control.nested_cr3, 0x1000U);
    EXPECT_NE(vmcb->control.intercepts2 & Intercept2::kVmrun, 0U);
    EXPECT_NE(vmcb->control.intercepts1 & Intercept1::kIntr, 0U);
    EXPECT_NE(vmcb->control.interrupt_control & InterruptControl::kMasking, 0U);
    EXPECT_EQ(vmcb->control.exceptions & kForcedExceptions, kForcedExceptions);
}

TEST_F(RegistersTest, permission_maps_pass_only_what_is_switched) {
    const auto maps = std::make_unique<PermissionMaps>();
    initialize_permission_maps(*maps);
    for (const auto byte : maps->io) ASSERT_EQ(byte, 0xFF);
    const auto bits = [&](std::uint32_t bit) { return maps->msr[bit / 8] >> (bit % 8) & 3; };
    const auto high = [&](std::uint32_t msr) { return bits(0x800 * 8 + (msr - 0xC000'0000) * 2); };
    EXPECT_EQ(high(0xC000'0082), 0);               // LSTAR
    EXPECT_EQ(high(0xC000'0102), 0);               // kernel GS base
    EXPECT_EQ(high(0xC000'0080), 3);               // EFER
    EXPECT_EQ(bits(0x277 * 2), 0);                 // PAT
    EXPECT_EQ(bits(0x1B * 2), 3);                  // APIC base
    EXPECT_EQ(bits(0x1000 * 8 + (0x114) * 2), 3);  // VM_CR, the third range
}

TEST_F(RegistersTest, groups_survive_the_way_in_and_out) {
    std::mt19937_64 random{3};
    for (auto& segment : state->segments) {
        segment = {static_cast<std::uint16_t>(random()),
                   static_cast<std::uint16_t>(random() & 0xFFF),
                   static_cast<std::uint32_t>(random()), random() & 0x7FFF'FFFF'FFFF};
    }
    state->gdtr = {0, 0, 0xFFF, 0x1234'5678};
    state->star = random();
    state->lstar = 0xFFFF'FFFF'8100'0000;
    state->sfmask = 0x47700;
    state->pat = 0x0007'0406'0007'0406;
    load_segments(*vmcb, *state);
    load_system_msrs(*vmcb, *state);
    const auto back = std::make_unique<abi::VcpuState>();
    store_segments(*vmcb, *back);
    store_system_msrs(*vmcb, *back);
    EXPECT_EQ(std::memcmp(state->segments, back->segments, sizeof state->segments), 0);
    EXPECT_EQ(state->gdtr.base, back->gdtr.base);
    EXPECT_EQ(state->lstar, back->lstar);
    EXPECT_EQ(state->pat, back->pat);
}

TEST_F(RegistersTest, svme_is_always_set_and_never_shown) {
    state->efer = 0x500;
    state->cr0 = 0x8000'0011;
    load_control_group(*vmcb, *state);
    EXPECT_EQ(vmcb->save.efer, 0x500 | kEferSvme);
    store_always(*vmcb, *state);
    EXPECT_EQ(state->efer, 0x500U);
}

TEST_F(RegistersTest, long_mode_is_active_exactly_with_paging) {
    state->efer = 0x400;
    load_control_group(*vmcb, *state);
    EXPECT_EQ(vmcb->save.efer, kEferSvme);
    state->efer = 0x100;
    load_control_group(*vmcb, *state);
    EXPECT_EQ(vmcb->save.efer, 0x100 | kEferSvme);
    state->cr4 = 0x20;
    state->cr0 = 0x8000'0001;
    load_control_group(*vmcb, *state);
    EXPECT_EQ(vmcb->save.efer, 0x500 | kEferSvme);
}

TEST_F(RegistersTest, only_a_changed_control_register_asks_for_a_flush) {
    state->cr0 = 0x11;
    EXPECT_TRUE(load_control_group(*vmcb, *state));
    state->tpr = 5;
    EXPECT_FALSE(load_control_group(*vmcb, *state));
    EXPECT_EQ(vmcb->control.interrupt_control & InterruptControl::kTprMask, 5U);
    state->cr3 = 0x1000;
    EXPECT_TRUE(load_control_group(*vmcb, *state));
}

TEST_F(RegistersTest, wild_values_are_made_harmless) {
    std::memset(static_cast<void*>(state.get()), 0xFF, sizeof *state);
    state->lstar = 0x8000'0000'0000'0000;
    load_control_group(*vmcb, *state);
    load_segments(*vmcb, *state);
    load_system_msrs(*vmcb, *state);
    load_debug_group(*vmcb, *state);
    load_program_state(*vmcb, *state);
    EXPECT_EQ(vmcb->save.cs.attributes & 0xF000, 0);
    EXPECT_EQ(vmcb->save.lstar, 0U);
    EXPECT_EQ(vmcb->save.g_pat, 0U);  // 0xFF is no memory type: uncached
    EXPECT_EQ(vmcb->save.dr7 >> 32, 0U);
    EXPECT_EQ(vmcb->save.dr6 >> 32, 0U);
    EXPECT_EQ(vmcb->save.rflags & 0x8028, 0U);
    EXPECT_EQ(vmcb->control.interrupt_control & InterruptControl::kTprMask, 0xFU);
    EXPECT_EQ(vmcb->control.interrupt_control & ~InterruptControl::kTprMask, 0U);
}

TEST(FpuState, xcr0_is_what_xsetbv_accepts) {
    constexpr std::uint64_t kHost = 0x2E7;
    EXPECT_EQ(hv::sanitized_xcr0(0, kHost), 1U);
    EXPECT_EQ(hv::sanitized_xcr0(7, kHost), 7U);
    EXPECT_EQ(hv::sanitized_xcr0(5, kHost), 1U);     // AVX without SSE
    EXPECT_EQ(hv::sanitized_xcr0(7, 3), 3U);         // more than the host has
    EXPECT_EQ(hv::sanitized_xcr0(0x27, kHost), 7U);  // a part of AVX-512
    EXPECT_EQ(hv::sanitized_xcr0(0xE7, kHost), 0xE7U);
    EXPECT_EQ(hv::sanitized_xcr0(~0ULL, kHost), kHost);
    EXPECT_EQ(hv::sanitized_xcr0(0x207, 0), 1U);
}

TEST(FpuState, an_area_of_garbage_becomes_loadable) {
    alignas(64) std::uint8_t area[832];
    std::memset(area, 0xFF, sizeof area);
    hv::sanitize_fpu_area(area, 7);
    std::uint64_t header[8];
    std::memcpy(header, area + 512, sizeof header);
    EXPECT_EQ(header[0], 7U);
    for (int i = 1; i < 8; ++i) EXPECT_EQ(header[i], 0U);
    std::uint32_t mxcsr;
    std::memcpy(&mxcsr, area + 24, 4);
    EXPECT_EQ(mxcsr, 0xFFFFU);
    EXPECT_EQ(area[600], 0xFF);
}

}  // namespace
}  // namespace redoubt::kernel::svm
