// The end of a kernel that found itself wrong.
#include "kernel/panic.hpp"

#include <atomic>

#include "arch/backtrace.hpp"
#include "arch/cpu.hpp"
#include "arch/power.hpp"

namespace redoubt::kernel {
namespace {

constinit std::atomic<bool> panicking{false};

}  // namespace

void panic_begin() {
    // A second one may be another processor's, which must not end the machine before the first has
    // told why.
    static constinit std::atomic<const PerCpu*> first{nullptr};
    const PerCpu* none = nullptr;
    if (!first.compare_exchange_strong(none, &this_cpu())) {
        if (none != &this_cpu()) halt();
        stop_machine_after_panic();
    }
    panicking = true;
    stop_other_processors();
    print("\nkernel panic: ");
}

bool is_panicking() { return panicking; }

void panic_stop() {
    print("kernel panic: stopped\n");
    stop_machine_after_panic();
}

void panic_end() {
    print_registers_and_backtrace();
    panic_stop();
}

/// What the compiler calls for a pure virtual function.
extern "C" [[noreturn]] void __cxa_pure_virtual() { panic("pure virtual call"); }

}  // namespace redoubt::kernel
