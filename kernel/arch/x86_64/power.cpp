// How a panicked kernel ends.
#include "arch/power.hpp"

#include <cstdint>

#include "arch/port.hpp"

namespace redoubt::kernel {
namespace {

/// QEMU's isa-debug-exit: the process ends with (value << 1) | 1.
constexpr std::uint16_t kDebugExit = 0xF4;
constexpr std::uint32_t kPanicked = 0x7F;

}  // namespace

void halt() {
    while (true) asm volatile("cli; hlt");
}

void stop_machine_after_panic() {
    port_out32(kDebugExit, kPanicked);
    halt();
}

}  // namespace redoubt::kernel
