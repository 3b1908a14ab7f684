// The kinds of exits as clients see them.
#pragma once

#include <string_view>

#include "abi/exit.hpp"

namespace redoubt::vmmd {

/// "port_io", "mmio", …
constexpr std::string_view exit_name(abi::ExitKind kind) {
    switch (kind) {
        case abi::ExitKind::Interrupted:
            return "interrupted";
        case abi::ExitKind::Deadline:
            return "deadline";
        case abi::ExitKind::Exception:
            return "exception";
        case abi::ExitKind::PortIo:
            return "port_io";
        case abi::ExitKind::Mmio:
            return "mmio";
        case abi::ExitKind::Halt:
            return "halt";
        case abi::ExitKind::Shutdown:
            return "shutdown";
        case abi::ExitKind::Hypercall:
            return "hypercall";
        case abi::ExitKind::Debug:
            return "debug";
        case abi::ExitKind::Msr:
            return "msr";
        case abi::ExitKind::Cpuid:
            return "cpuid";
        case abi::ExitKind::ControlRegister:
            return "control_register";
        case abi::ExitKind::InterruptWindow:
            return "interrupt_window";
        case abi::ExitKind::Instruction:
            return "instruction";
        case abi::ExitKind::EntryFailure:
            return "entry_failure";
    }
    return "unknown";
}

}  // namespace redoubt::vmmd
