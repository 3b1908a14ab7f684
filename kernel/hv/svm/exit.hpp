// From SVM's exit codes to exit records.
#pragma once

#include <cstdint>

#include "abi/x86_64/vcpu_state.hpp"
#include "kernel/hv/svm/control.hpp"

namespace redoubt::kernel::svm {

enum class ExitAction {
    ToMonitor,        ///< the record says all
    Refused,          ///< the processor refused the state
    NestedFault,      ///< to the monitor as recorded, unless the page turns out to be mapped
    HostInterrupt,    ///< INTR
    Resume,           ///< NMI, SMI, INIT: the host takes them as soon as GIF is set again
    MachineCheck,     ///< the host's handler must run
    Reflect,          ///< an exception intercepted only as a precaution: give it to the guest
    DebugRegisters,   ///< first access to DR0..15
    PagingControl,    ///< a write of CR0 that may turn paging on or off
    ExtendedControl,  ///< a write of CR4, of which only some are intercepted
    InterruptReturn,  ///< IRET while NMIs are blocked
};

struct DecodeContext {
    bool next_rip_saved;  ///< the processor fills VmcbControlArea::next_rip
    bool decode_assists;  ///< … and the instruction bytes
    bool single_step;
    std::uint32_t exception_exits;  ///< vectors the monitor asked for
};

/// Fills `exit` for the actions that end, or may end, in the monitor. Touches nothing else.
ExitAction decode_exit(const Vmcb& vmcb, const DecodeContext& context, abi::Exit& exit);

}  // namespace redoubt::kernel::svm
