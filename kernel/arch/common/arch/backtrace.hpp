// What a panic shows of this processor.
#pragma once

namespace redoubt::kernel {

/// Prints the registers as they are here and the callers, innermost first.
void print_registers_and_backtrace();

}  // namespace redoubt::kernel
