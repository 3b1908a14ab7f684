// COM1 as the kernel's console, polled: it must work in any state of the system. The boot
// loader has set it up.
#include "arch/console.hpp"

#include <cstdint>

#include "arch/port.hpp"

namespace redoubt::kernel {
namespace {

constexpr std::uint16_t kData = 0x3F8, kLineStatus = kData + 5;
constexpr std::uint8_t kTransmitterEmpty = 1 << 5;
/// A machine without the port reads all ones, or never becomes ready: give up rather than hang.
constexpr unsigned kPatience = 100'000;

}  // namespace

void console_write(char character) {
    if (character == '\n') console_write('\r');
    for (unsigned i = 0; i < kPatience && (port_in8(kLineStatus) & kTransmitterEmpty) == 0; ++i) {
        asm volatile("pause");
    }
    port_out8(kData, static_cast<std::uint8_t>(character));
}

}  // namespace redoubt::kernel
