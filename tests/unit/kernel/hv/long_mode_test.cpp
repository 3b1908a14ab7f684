// No guest is ever entered with LME but neither paging nor PAE, whatever order it changes them in.
#include "kernel/hv/svm/long_mode.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace redoubt::kernel::svm {
namespace {

class LongModeTest : public testing::Test {
  protected:
    VmcbStateSaveArea& save() { return vmcb->save; }
    bool watches_cr0() const {
        return (vmcb->control.intercepts1 & Intercept1::kCr0SelectiveWrite) != 0;
    }
    bool watches_cr4() const { return (vmcb->control.cr_writes & 1U << 4) != 0; }
    bool lme() const { return (vmcb->save.efer & kEferLme) != 0; }
    void load(std::uint64_t cr0, std::uint64_t cr4, std::uint64_t efer) {
        save().cr0 = cr0;
        save().cr4 = cr4;
        save().efer = efer;
        follow_control_load(*vmcb, hidden, false);
    }
    void write_cr0(std::uint64_t value) {
        if (watches_cr0()) follow_cr0_write(*vmcb, hidden, false);
        save().cr0 = value;
    }
    void write_cr4(std::uint64_t value) {
        if (watches_cr4()) follow_cr4_write(*vmcb, hidden, false);
        save().cr4 = value;
    }
    bool is_dangerous() const {
        return lme() && (vmcb->save.cr0 & kCr0Paging) == 0 && (vmcb->save.cr4 & kCr4Pae) == 0;
    }

    std::unique_ptr<Vmcb> vmcb = std::make_unique<Vmcb>();
    bool hidden = false;
};

TEST_F(LongModeTest, lme_before_pae_is_hidden_until_paging) {
    load(1, 0, kEferLme);
    EXPECT_FALSE(lme());
    EXPECT_TRUE(hidden);
    write_cr4(kCr4Pae);
    write_cr0(kCr0Paging | 1);
    EXPECT_TRUE(lme());
    EXPECT_FALSE(hidden);
}

TEST_F(LongModeTest, leaving_long_mode_hides_lme_before_pae_goes) {
    load(kCr0Paging | 1, kCr4Pae, kEferLme);
    EXPECT_TRUE(lme());
    write_cr0(1);
    EXPECT_TRUE(lme());
    write_cr4(0);
    EXPECT_FALSE(lme());
    EXPECT_TRUE(hidden);
}

TEST_F(LongModeTest, writing_the_same_register_again_and_again_is_intercepted_once) {
    load(kCr0Paging | 1, kCr4Pae, kEferLme);
    for (unsigned i = 0; i < 5; ++i) {
        EXPECT_FALSE(watches_cr4());
        write_cr4(kCr4Pae | 0x80);
    }
    write_cr0(kCr0Paging | 3);
    EXPECT_FALSE(watches_cr0());
}

TEST_F(LongModeTest, without_lme_nothing_is_watched) {
    load(kCr0Paging | 1, 0, 0);
    EXPECT_FALSE(watches_cr0() || watches_cr4());
    follow_control_load(*vmcb, hidden, true);
    EXPECT_TRUE(watches_cr4()) << "for its other reason";
}

TEST_F(LongModeTest, no_order_of_writes_leads_to_what_cannot_be_left) {
    std::mt19937 random(1);
    load(kCr0Paging | 1, kCr4Pae, kEferLme);
    for (unsigned i = 0; i < 100'000; ++i) {
        const bool paging = (save().cr0 & kCr0Paging) != 0;
        switch (random() % 3) {
            case 0:
                write_cr0(random() % 2 != 0 ? kCr0Paging | 1 : 1);
                break;
            case 1:
                // Under long mode a processor keeps PAE.
                if (paging && lme()) break;
                write_cr4(random() % 2 != 0 ? kCr4Pae : 0);
                break;
            default:
                // The monitor lets LME change only without paging.
                if (!paging) load(save().cr0, save().cr4, random() % 2 != 0 ? kEferLme : 0);
                break;
        }
        ASSERT_FALSE(is_dangerous()) << i;
    }
}

}  // namespace
}  // namespace redoubt::kernel::svm
