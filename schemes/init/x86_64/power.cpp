// See power.hpp: ACPI, and what emulators have.
#include "schemes/init/power.hpp"

#include <string_view>

#include "libhvcall/native/syscall.hpp"
#include "schemes/init/report.hpp"

namespace redoubt::init {

namespace {

/// QEMU's isa-debug-exit, where the machine has it: the emulator ends with status (value << 1) | 1.
constexpr std::uint16_t kDebugExit = 0xF4;
/// Bochs and old QEMU power off when this word is written there.
constexpr std::uint16_t kBochsShutdown = 0x8900;
constexpr std::uint32_t kSleepEnable = 1U << 13;  // ACPI 6.5, 4.8.4.2.1
constexpr unsigned kSleepTypeShift = 10;
constexpr unsigned kHighestCode = 126;  // 0x7f is the kernel's panic

}  // namespace

void power_off(const abi::BootInfo& boot, unsigned code) {
    const native::Slot ports = boot.io_port_slot;
    const unsigned status = code < kHighestCode ? code : kHighestCode - 1;
    native::port_out(ports, kDebugExit, 4, status + 1);
    if (boot.machine.pm1a_control_port != 0) {
        native::port_out(ports, static_cast<std::uint16_t>(boot.machine.pm1a_control_port), 2,
                         boot.machine.pm1a_sleep_type << kSleepTypeShift | kSleepEnable);
    }
    for (const char c : std::string_view("Shutdown")) {
        native::port_out(ports, kBochsShutdown, 1, static_cast<std::uint8_t>(c));
    }
    report(Line() << "this machine cannot be powered off by software; it is safe to switch it off");
}

}  // namespace redoubt::init
