// EFER.LME without CR4.PAE and without paging: a legal state, but one that QEMU 7.2 cannot leave.
// At #VMEXIT it loads the host's CR0 under the guest's EFER and CR4, refuses to turn paging on, and
// the host goes on without. So while a guest is there the VMCB has LME clear; the guest, whose
// accesses to EFER are all the monitor's, does not see it.
#pragma once

#include "kernel/hv/svm/control.hpp"

namespace redoubt::kernel::svm {

/// `lme_hidden` is the vCPU's, and with `cr4_watched` all writes of CR4 are intercepted for another
/// reason. The monitor has loaded the control registers.
void follow_control_load(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched);
/// The guest is about to write CR0, or CR4. Only one of the two is intercepted at a time, so a
/// guest that writes either all the time pays nothing.
void follow_cr0_write(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched);
void follow_cr4_write(Vmcb& vmcb, bool& lme_hidden, bool cr4_watched);

}  // namespace redoubt::kernel::svm
