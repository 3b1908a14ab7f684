// A 16550 as the kernel's console, polled: it must work in any state of the system. The boot
// loader has set it up. Until the device tree has told where one is, and where there is none, the
// firmware prints.
#include "arch/console.hpp"

#include <cstdint>

#include "arch/csr.hpp"
#include "arch/machine.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {
namespace {

constexpr unsigned kData = 0, kLineStatus = 5;
constexpr std::uint8_t kTransmitterEmpty = 1 << 5;
/// A device that never becomes ready must not stop the system.
constexpr unsigned kPatience = 100'000;

volatile std::uint8_t& device_register(unsigned index) {
    const boot::Console& console = machine().console;
    return *direct_map<volatile std::uint8_t>(console.registers.start +
                                              (std::uint64_t{index} << console.register_shift));
}

}  // namespace

void console_write(char character) {
    if (character == '\n') console_write('\r');
    if (machine().console.registers.bytes == 0) {
        sbi_call(kSbiLegacyPutCharacter, 0, static_cast<std::uint8_t>(character));
        return;
    }
    for (unsigned i = 0; i < kPatience && (device_register(kLineStatus) & kTransmitterEmpty) == 0;
         ++i) {
        asm volatile("nop");
    }
    device_register(kData) = static_cast<std::uint8_t>(character);
}

}  // namespace redoubt::kernel
