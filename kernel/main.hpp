// Where the portable kernel begins.
#pragma once

namespace redoubt::kernel {

/// Called by the arch code when the processor, memory map, interrupts and clocks are ready.
[[noreturn]] void kernel_main();

}  // namespace redoubt::kernel
