// The end of a kernel that found itself wrong.
#pragma once

#include "kernel/print.hpp"

namespace redoubt::kernel {

/// Starts a panic message and stops the other processors; a panic within a panic stops at once.
void panic_begin();
bool is_panicking();
[[noreturn]] void panic_stop();
/// Registers, back trace, stop.
[[noreturn]] void panic_end();

/// Prints the message, the registers and a back trace, and stops the machine.
template <class... Arguments>
[[noreturn]] void panic(const char* format, Arguments... arguments) {
    panic_begin();
    print(format, arguments...);
    print("\n");
    panic_end();
}

}  // namespace redoubt::kernel
