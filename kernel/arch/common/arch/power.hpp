// The last things a processor does.
#pragma once

namespace redoubt::kernel {

/// This processor does nothing any more.
[[noreturn]] void halt();

/// Halts every other processor; is_panicking() is true.
void stop_other_processors();

/// Ends the emulated machine with a status that means "the kernel panicked", else
/// halts.
[[noreturn]] void stop_machine_after_panic();

}  // namespace redoubt::kernel
