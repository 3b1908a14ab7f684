// COM1 as the kernel's console, polled: it must work in any state of the system.
#include "arch/console.hpp"

#include <cstdint>

#include "arch/port.hpp"

namespace redoubt::kernel {
namespace {

constexpr std::uint16_t kBase = 0x3F8;
constexpr std::uint16_t kInterruptEnable = kBase + 1, kFifoControl = kBase + 2,
                        kLineControl = kBase + 3, kModemControl = kBase + 4,
                        kLineStatus = kBase + 5;
constexpr std::uint8_t kTransmitterEmpty = 1 << 5;
/// A machine without the port reads all ones, or never becomes ready: give up rather than hang.
constexpr unsigned kPatience = 100'000;

}  // namespace

void console_initialize() {
    port_out8(kInterruptEnable, 0);
    port_out8(kLineControl, 0x80);  // divisor latch
    port_out8(kBase, 1);            // 115200 baud
    port_out8(kInterruptEnable, 0);
    port_out8(kLineControl, 0x03);  // 8 bits, no parity
    port_out8(kFifoControl, 0x07);
    port_out8(kModemControl, 0x0B);  // DTR, RTS, OUT2
}

void console_write(char character) {
    if (character == '\n') console_write('\r');
    for (unsigned i = 0; i < kPatience && (port_in8(kLineStatus) & kTransmitterEmpty) == 0; ++i) {
        asm volatile("pause");
    }
    port_out8(kBase, static_cast<std::uint8_t>(character));
}

}  // namespace redoubt::kernel
