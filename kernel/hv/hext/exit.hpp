// From the H-extension's traps to exit records.
#pragma once

#include <cstdint>

#include "abi/riscv64/vcpu_state.hpp"
#include "kernel/hv/hext/control.hpp"

namespace redoubt::kernel::hext {

enum class ExitAction {
    ToMonitor,      ///< the record says all
    GuestFault,     ///< to the monitor as recorded, unless the page turns out to be mapped
    HostInterrupt,  ///< an interrupt of the host
    Wait,           ///< to the monitor as recorded, unless an interrupt is pending
};

/// What the processor tells about a trap from the guest.
struct Trap {
    std::uint64_t cause = 0;        ///< scause
    std::uint64_t value = 0;        ///< stval
    std::uint64_t address = 0;      ///< htval
    std::uint64_t instruction = 0;  ///< htinst
    std::uint64_t pc = 0;           ///< sepc
    bool supervisor = false;        ///< it was in VS-mode
};

/// decode_exit() for all but SBI calls.
ExitAction decode_other_exit(const Trap& trap, std::uint32_t exception_exits, abi::Exit& exit);

/// Fills `exit` for the actions that end, or may end, in the monitor.
inline ExitAction decode_exit(const Trap& trap, std::uint32_t exception_exits, abi::Exit& exit) {
    constexpr unsigned kCallBytes = 4;
    if (trap.cause != Cause::kSupervisorCall) return decode_other_exit(trap, exception_exits, exit);
    exit = {abi::ExitKind::Hypercall, 0, 0, 0, trap.pc + kCallBytes, 0};
    return ExitAction::ToMonitor;
}

}  // namespace redoubt::kernel::hext
