// The portable kernel's start: reports what was found, starts the parts in order, then schedules.
#include "kernel/main.hpp"

#include "arch/boot.hpp"
#include "arch/cpu.hpp"
#include "arch/entry.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/init/init.hpp"
#include "kernel/panic.hpp"

namespace redoubt::kernel {
namespace {

void report_machine(const BootInformation& boot) {
    std::uint64_t bytes = 0;
    for (const PhysicalRange& range : boot.free_memory) bytes += range.bytes;
    print("kernel: processor {}, {} MHz counter\n", features().brand,
          ticks_per_second() / 1'000'000);
    print("kernel: memory {} MiB free, boot archive {} KiB\n", bytes >> 20,
          boot.boot_module.bytes >> 10);
}

/// For the test of panics: three calls deep.
[[gnu::noinline]] void panic_on_purpose(unsigned depth) {
    if (depth == 0) panic("asked for on the command line");
    panic_on_purpose(depth - 1);
    asm volatile("");  // no tail call: the back trace shall show every level
}

}  // namespace

void kernel_main() {
    const BootInformation& boot = boot_information();
    print("\nRedoubt\n");
    report_machine(boot);
    if (command_line_has("panic-test")) panic_on_purpose(2);
    hv::initialize();
    print("kernel: virtualization: {}\n",
          hv::available() ? hv::summary() : "not available on this processor");
    start_init(boot);
    print("kernel: init started\n");
    enter_scheduler();
}

}  // namespace redoubt::kernel
