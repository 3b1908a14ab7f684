// A PC: COM1, isa-debug-exit, and the PIT.
#include "tests/system/kernel/machine.hpp"

#include "libhvcall/native/syscall.hpp"

asm(".globl _start\n_start: xorl %ebp, %ebp\n call probe\n");

namespace redoubt::probe {
namespace {

native::Slot ports;

}  // namespace

const std::uint32_t kTickLine = 0;
const unsigned char kSystemCall[] = {0x0F, 0x05};
const unsigned kSystemCallBytes = sizeof kSystemCall;

void initialize_machine(const abi::BootInfo& boot, native::Slot&) { ports = boot.io_port_slot; }

void put(char character) {
    while ((native::port_in(ports, 0x3FD, 1).value & 0x20) == 0) {
    }
    native::port_out(ports, 0x3F8, 1, static_cast<std::uint8_t>(character));
}

void end_machine(unsigned code) { native::port_out(ports, 0xF4, 4, code + 1); }

void start_ticks() {
    constexpr std::uint16_t kDivisor = 1193;
    native::port_out(ports, 0x43, 1, 0x34);
    native::port_out(ports, 0x40, 1, kDivisor & 0xFF);
    native::port_out(ports, 0x40, 1, kDivisor >> 8);
}

void next_tick(native::Slot) {}

}  // namespace redoubt::probe
