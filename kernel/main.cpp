// The portable kernel's start: reports what was found, starts the parts in order, then schedules.
#include "kernel/main.hpp"

#include <algorithm>
#include <string_view>

#include "arch/boot.hpp"
#include "arch/cpu.hpp"
#include "arch/entry.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/init/init.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/kernel_lock.hpp"

namespace redoubt::kernel {
namespace {

void report_machine(const BootInformation& boot) {
    std::uint64_t bytes = 0;
    for (const PhysicalRange& range : boot.free_memory) bytes += range.bytes;
    print("kernel: processor {}, {} MHz counter, entered at {}\n", boot.processor,
          ticks_per_second() / 1'000'000, boot.entry_ticks);
    if (cpu_count() > 1) print("kernel: {} processors\n", cpu_count());
    print("kernel: memory {} MiB free, boot archive {} KiB\n", bytes >> 20,
          boot.boot_archive.bytes >> 10);
}

bool command_line_has(std::string_view word) {
    std::string_view text{boot_information().command_line};
    while (!text.empty()) {
        const std::string_view here{text.begin(), std::find(text.begin(), text.end(), ' ')};
        if (here == word) return true;
        text.remove_prefix(std::min(here.size() + 1, text.size()));
    }
    return false;
}

/// For the test of panics: the back trace must name both functions.
[[gnu::noinline]] void panic_on_purpose() { panic("asked for on the command line"); }
[[gnu::noinline]] void test_panic() {
    panic_on_purpose();
    asm volatile("");  // not a tail call
}

}  // namespace

void kernel_main() {
    const BootInformation& boot = boot_information();
    print("\nRedoubt\n");
    report_machine(boot);
    if (command_line_has("panic-test")) test_panic();
    hv::initialize();
    print("kernel: virtualization: {}{}\n",
          hv::available() ? "" : "not available: ", hv::summary());
    start_init(boot);
    print("kernel: init started\n");
    if (command_line_has("lock-statistics")) measure_kernel_lock();
    enter_scheduler();
}

}  // namespace redoubt::kernel
