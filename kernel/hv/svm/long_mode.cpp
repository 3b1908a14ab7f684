// When LME is hidden from the processor and when it comes back.
#include "kernel/hv/svm/long_mode.hpp"

namespace redoubt::kernel::svm {
namespace {

constexpr std::uint16_t kCr4 = 1U << 4;

enum class Watch { None, Cr0, Cr4 };

void watch(Vmcb& vmcb, Watch which, bool cr4_watched) {
    VmcbControlArea& control = vmcb.control;
    const bool cr4 = which == Watch::Cr4 || cr4_watched;
    control.cr_writes =
        static_cast<std::uint16_t>(cr4 ? control.cr_writes | kCr4 : control.cr_writes & ~kCr4);
    control.intercepts1 = which == Watch::Cr0
                              ? control.intercepts1 | Intercept1::kCr0SelectiveWrite
                              : control.intercepts1 & ~Intercept1::kCr0SelectiveWrite;
}

void hide(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched) {
    vmcb.save.efer &= ~kEferLme;
    lme_hidden = true;
    watch(vmcb, Watch::Cr0, cr4_watched);
}

}  // namespace

void follow_control_load(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched) {
    const VmcbStateSaveArea& save = vmcb.save;
    lme_hidden = false;
    if ((save.efer & kEferLme) == 0) return watch(vmcb, Watch::None, cr4_watched);
    if ((save.cr0 & kCr0Paging) != 0) return watch(vmcb, Watch::Cr0, cr4_watched);
    if ((save.cr4 & kCr4Pae) != 0) return watch(vmcb, Watch::Cr4, cr4_watched);
    hide(vmcb, lme_hidden, cr4_watched);
}

void follow_cr0_write(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched) {
    VmcbStateSaveArea& save = vmcb.save;
    if (lme_hidden && (save.cr4 & kCr4Pae) != 0) {
        // If this turns paging on, it turns long mode on.
        save.efer |= kEferLme;
        lme_hidden = false;
    }
    // Paging may be off from now on: PAE must not go unseen.
    watch(vmcb, Watch::Cr4, cr4_watched);
}

void follow_cr4_write(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched) {
    const VmcbStateSaveArea& save = vmcb.save;
    if (lme_hidden) return watch(vmcb, Watch::Cr0, cr4_watched);
    if ((save.efer & kEferLme) == 0) return watch(vmcb, Watch::None, cr4_watched);
    if ((save.cr0 & kCr0Paging) != 0) return watch(vmcb, Watch::Cr0, cr4_watched);
    hide(vmcb, lme_hidden, cr4_watched);
}

}  // namespace redoubt::kernel::svm
