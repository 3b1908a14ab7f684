// The way from the firmware to the portable kernel.
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
#include "kernel/syscall/random.hpp"

namespace redoubt::kernel {
namespace {

constinit BootInformation information{};

/// The devices that the kernel uses itself.
void map_devices() {
    if (machine().console.registers.bytes != 0) map_device_page(machine().console.registers.start);
    if (machine().test_finisher.value() != 0) map_device_page(machine().test_finisher);
}

}  // namespace

const BootInformation& boot_information() { return information; }

/// The boot loader comes here, with its tables and the stack below boot_stack_top.
extern "C" [[noreturn]] void arch_start(const BootInformation* told) {
    information = *told;
    cpu_initialize(machine().boot_hart);
    cpu_enlist();
    trap_initialize();
    if (!information.is_sound()) panic("what the boot loader tells is damaged");
    paging_initialize(machine().paging_levels);
    features_initialize(machine());
    random_generator.seed({machine().random_seed.begin(), machine().random_seed.end()});

    PhysicalRange& memory = information.free_memory.items[information.kernel_memory];
    static constinit BootAllocator allocator{{}};
    allocator = BootAllocator{memory};
    kernel_map_initialize(information, allocator);
    map_devices();
    activate(kernel_root());
    fpu_setup();
    interrupt_initialize();
    cpu_enable_interrupts();
    lock_kernel();
    start_processors(information, allocator);
    kernel_map_finish();
    memory = allocator.rest();
    kernel_main();
}

}  // namespace redoubt::kernel
