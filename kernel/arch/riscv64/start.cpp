// The way from the firmware to the portable kernel.
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
#include "kernel/syscall/random.hpp"

using Constructor = void (*)();
extern "C" const Constructor init_array_start[], init_array_end[];

namespace redoubt::kernel {
namespace {

constinit BootInformation information{};

/// The devices that the kernel uses itself.
void map_devices() {
    if (machine().console.registers.bytes != 0) map_device_page(machine().console.registers.start);
    if (machine().test_finisher.value() != 0) map_device_page(machine().test_finisher);
    if (machine().real_time_clock.value() != 0) map_device_page(machine().real_time_clock);
}

}  // namespace

const BootInformation& boot_information() { return information; }

/// boot.S comes here with the boot stack and the boot page tables.
extern "C" [[noreturn]] void arch_start(std::uint64_t hart, std::uint64_t device_tree) {
    information.entry_ticks = ticks_now();
    cpu_initialize(hart);
    cpu_enlist();
    trap_initialize();
    for (const Constructor* constructor = init_array_start; constructor != init_array_end;
         ++constructor) {
        (*constructor)();
    }
    boot_information_initialize(information, hart, PhysicalAddress{device_tree});
    console_initialize();
    features_initialize(machine());
    random_generator.seed({machine().random_seed.begin(), machine().random_seed.end()});

    static constinit BootAllocator allocator{{}};
    allocator = BootAllocator{find_boot_memory(information)};
    kernel_map_initialize(information, allocator);
    map_devices();
    activate(kernel_root());
    fpu_setup();
    interrupt_initialize();
    timer_initialize();
    cpu_enable_interrupts();
    lock_kernel();
    start_processors(information, allocator);
    kernel_map_finish();
    information.boot_tables = allocator.used();
    boot_information_finish(information);
    kernel_main();
}

}  // namespace redoubt::kernel
