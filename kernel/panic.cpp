// The end of a kernel that found itself wrong.
#include "kernel/panic.hpp"

#include <atomic>

#include "arch/backtrace.hpp"
#include "arch/power.hpp"

namespace redoubt::kernel {
namespace {

constinit std::atomic<bool> panicking{false};

}  // namespace

void panic_begin() {
    if (panicking.exchange(true)) stop_machine_after_panic();
    print("\nkernel panic: ");
}

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
