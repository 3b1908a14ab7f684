// The end of a start that cannot succeed.
#pragma once

#include "arch/power.hpp"
#include "kernel/print.hpp"

namespace redoubt::boot {

/// Prints the message and stops the machine like a panic of the kernel.
template <class... Arguments>
[[noreturn]] void fail(const char* format, Arguments... arguments) {
    kernel::print("\nRedoubt cannot start: ");
    kernel::print(format, arguments...);
    kernel::print("\n");
    kernel::stop_machine_after_panic();
}

}  // namespace redoubt::boot
