// See power.hpp: the test finisher of emulators. What the firmware offers is the kernel's alone.
#include "schemes/init/power.hpp"

#include <algorithm>

#include "schemes/init/report.hpp"
#include "schemes/init/riscv64/devices.hpp"

namespace redoubt::init {

namespace {

constexpr std::uint32_t kFail = 0x3333;
constexpr unsigned kHighestCode = 126;  // 0x7f is the kernel's panic

}  // namespace

/// The emulator's status is the same as on the other architectures: (code + 1) << 1 | 1.
void power_off(const abi::BootInfo& boot, unsigned code) {
    if (register_address(boot.machine.test_finisher) != 0) {
        const std::uint32_t status = (std::min(code, kHighestCode - 1) + 1) << 1 | 1;
        device_register<std::uint32_t>(boot.machine.test_finisher) = status << 16 | kFail;
        // It takes effect soon.
        const std::uint64_t second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
        const std::uint64_t start = native::ticks();
        while (native::ticks() - start < second) {
            native::yield();
        }
    }
    report(Line() << "this machine cannot be powered off by software; it is safe to switch it off");
}

}  // namespace redoubt::init
