// The way from the boot loader to the portable kernel.
#include "arch/acpi.hpp"
#include "arch/apic.hpp"
#include "arch/boot_allocator.hpp"
#include "arch/console.hpp"
#include "arch/cpu_setup.hpp"
#include "arch/kernel_map.hpp"
#include "arch/paging.hpp"
#include "arch/processors.hpp"
#include "arch/timer.hpp"
#include "arch/trap.hpp"
#include "kernel/main.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/kernel_lock.hpp"

using Constructor = void (*)();
extern "C" const Constructor init_array_start[], init_array_end[];

namespace redoubt::kernel {
namespace {

constinit BootInformation information{};

}  // namespace

const BootInformation& boot_information() { return information; }

/// boot.S comes here with the boot stack and the boot page tables.
extern "C" [[noreturn]] void arch_start(std::uint32_t magic, std::uint32_t address) {
    information.entry_ticks = ticks_now();
    console_initialize();
    features_initialize();
    cpu_initialize();
    cpu_enlist();
    trap_initialize();
    for (const Constructor* constructor = init_array_start; constructor != init_array_end;
         ++constructor) {
        (*constructor)();
    }
    boot_information_initialize(information, magic, PhysicalAddress{address});
    acpi_initialize(information);

    static constinit BootAllocator allocator{{}};
    allocator = BootAllocator{find_boot_memory(information)};
    paging_initialize_processor();
    kernel_map_initialize(information, allocator);
    activate(kernel_root());
    cpu_enable_protections();
    fpu_detect();
    fpu_setup(false);
    apic_initialize();
    interrupt_initialize();
    timer_initialize();
    lock_kernel();
    start_processors(information, allocator);
    kernel_map_finish();
    information.boot_tables = allocator.used();
    boot_information_finish(information);
    kernel_main();
}

}  // namespace redoubt::kernel
