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

/// Bits of EXITINFO1 of IOIO (15.10.2); the size bits 4..6 are where PortIoDetail has the size in
/// bytes, and STR (2) and REP (3) one above its bits for them.
inline ExitAction decode_port_io(const VmcbControlArea& control, abi::Exit& exit) {
    constexpr std::uint64_t kInAndSizes = 0x71, kStringAndRepeat = 0xC;
    constexpr unsigned kPortShift = 16;
    const std::uint64_t info = control.exit_info1;
    exit.kind = abi::ExitKind::PortIo;
    exit.detail = static_cast<std::uint32_t>((info & kInAndSizes) | (info & kStringAndRepeat) >> 1);
    exit.info1 = static_cast<std::uint16_t>(info >> kPortShift);
    exit.info2 = 0;
    exit.next_rip = control.exit_info2;
    exit.instruction_length = 0;
    return ExitAction::ToMonitor;
}
static_assert(abi::PortIoDetail::kIn == 1U << 0 && abi::PortIoDetail::kString == 1U << 1 &&
              abi::PortIoDetail::kRepeat == 1U << 2 && abi::PortIoDetail::kSizeShift == 4);

/// The bytes of the instruction, for processors that tell them.
void copy_instruction(const VmcbControlArea& control, abi::Exit& exit);

/// EXITINFO1 of a nested page fault: bit 1 write, 4 fetch, 33 of a page table (15.25.6).
inline ExitAction decode_nested_fault(const VmcbControlArea& control, const DecodeContext& context,
                                      abi::Exit& exit) {
    const std::uint64_t info = control.exit_info1;
    exit.kind = abi::ExitKind::Mmio;
    exit.detail = static_cast<std::uint32_t>((info >> 1 & 1) | (info >> 3 & 2) | (info >> 31 & 4));
    exit.info1 = control.exit_info2;
    exit.info2 = 0;
    exit.next_rip = 0;
    exit.instruction_length = 0;
    if (context.decode_assists) copy_instruction(control, exit);
    return ExitAction::NestedFault;
}
static_assert(abi::MmioDetail::kWrite == 1 && abi::MmioDetail::kFetch == 2 &&
              abi::MmioDetail::kPageTable == 4);

/// Behind a CPUID without prefixes, unless the processor tells.
inline std::uint64_t next_rip_of_cpuid(const Vmcb& vmcb, const DecodeContext& context) {
    constexpr unsigned kBytes = 2;
    return context.next_rip_saved ? vmcb.control.next_rip : vmcb.save.rip + kBytes;
}

/// decode_exit() for all but port I/O and nested page faults.
ExitAction decode_other_exit(const Vmcb& vmcb, const DecodeContext& context, abi::Exit& exit);

/// Fills `exit` for the actions that end, or may end, in the monitor. Touches nothing else.
inline ExitAction decode_exit(const Vmcb& vmcb, const DecodeContext& context, abi::Exit& exit) {
    if (vmcb.control.exit_code == ExitCode::Ioio) return decode_port_io(vmcb.control, exit);
    if (vmcb.control.exit_code == ExitCode::NestedPageFault)
        return decode_nested_fault(vmcb.control, context, exit);
    return decode_other_exit(vmcb, context, exit);
}

}  // namespace redoubt::kernel::svm
