// The way from the boot loader to the portable kernel.
#include "arch/apic.hpp"
#include "arch/boot_allocator.hpp"
#include "arch/cpu_setup.hpp"
#include "arch/kernel_map.hpp"
#include "arch/paging.hpp"
#include "arch/processors.hpp"
#include "arch/timer.hpp"
#include "arch/trap.hpp"
#include "kernel/main.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/kernel_lock.hpp"

namespace redoubt::kernel {
namespace {

constinit BootInformation information{};

}  // namespace

const BootInformation& boot_information() { return information; }

/// The boot loader comes here, with its tables and the stack below boot_stack_top.
extern "C" [[noreturn]] void arch_start(const BootInformation* told) {
    information = *told;
    features_initialize();
    cpu_initialize();
    cpu_enlist();
    trap_initialize();
    if (!information.is_sound()) panic("what the boot loader tells is damaged");

    PhysicalRange& memory = information.free_memory.items[information.kernel_memory];
    static constinit BootAllocator allocator{{}};
    allocator = BootAllocator{memory};
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
    memory = allocator.rest();
    kernel_main();
}

}  // namespace redoubt::kernel
