// Event injection, interrupted deliveries and the interrupt window.
#pragma once

#include <cstdint>

#include "kernel/hv/svm/control.hpp"

namespace redoubt::kernel::svm {

/// Only what the processor defines: external interrupt, NMI, exception 0..31 but 2, software
/// interrupt; no reserved bits (APM vol. 2, 15.20: anything else is VMEXIT_INVALID, or worse in an
/// emulator).
bool is_valid_injection(std::uint64_t event);

/// The event to inject next, after an exit in the middle of delivering `exit_interrupt_info`
/// (15.7.2), or 0. Software interrupts and exceptions raised by an instruction happen again by
/// themselves, since rip still points to that instruction.
std::uint64_t interrupted_event(std::uint64_t exit_interrupt_info);
inline bool was_interrupted(std::uint64_t exit_interrupt_info) {
    return (exit_interrupt_info & 1U << 31) != 0;
}

inline bool is_nmi(std::uint64_t event) { return (event & 0x8000'0700) == 0x8000'0200; }

/// The exception with which an exit happened, for the guest itself.
std::uint64_t reflected_exception(const VmcbControlArea& control);

/// Exits with VINTR as soon as the guest can take an interrupt, or stops doing so. Uses a virtual
/// interrupt that is intercepted instead of delivered (15.21.4).
void set_interrupt_window(VmcbControlArea& control, bool wanted);

}  // namespace redoubt::kernel::svm
