// The last things a processor does.
#pragma once

namespace redoubt::kernel {

/// Ends the emulated machine (isa-debug-exit) with a status that means "the kernel panicked", else
/// halts.
[[noreturn]] void stop_machine_after_panic();

}  // namespace redoubt::kernel
