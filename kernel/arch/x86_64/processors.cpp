// Starting the application processors: INIT, start-up, and their way to the scheduler.
#include "arch/processors.hpp"

#include <atomic>
#include <cstring>
#include <new>

#include "arch/apic.hpp"
#include "arch/cpu_setup.hpp"
#include "arch/entry.hpp"
#include "arch/kernel_map.hpp"
#include "arch/paging.hpp"
#include "arch/power.hpp"
#include "arch/timer.hpp"
#include "arch/trap.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/print.hpp"
#include "kernel/sched/kernel_lock.hpp"

extern "C" {
extern const char ap_trampoline[], ap_trampoline_parameters[], ap_trampoline_end[];
}

namespace redoubt::kernel {
namespace {

/// Generous: an emulated processor may have to wait for a real one.
constexpr std::uint64_t kPatienceSeconds = 10;
constexpr std::size_t kStackBytes = 6 * kPageSize;

/// What the trampoline finds at its end.
struct [[gnu::packed]] ApParameters {
    std::uint32_t gdt;
    std::uint32_t entry;
    std::uint16_t entry_selector;
    std::uint8_t apic_id;
    std::uint8_t reserved;
    std::uint32_t root;
    std::uint64_t stack;
    std::uint64_t area;
};

enum class StartState : std::uint32_t { Expected, Coming, Running, GivenUp };

struct ApArea : CpuArea {
    std::atomic<StartState> state;
    alignas(kPageSize) std::uint8_t guard[kPageSize];  ///< not mapped
    std::uint8_t stack[kStackBytes];
};

void wait(std::uint64_t microseconds) {
    const std::uint64_t end = ticks_now() + ticks_per_second() * microseconds / 1'000'000;
    while (ticks_now() < end) pause_processor();
}

bool has_come_up(ApArea& area) {
    const std::uint64_t end = ticks_now() + ticks_per_second() * kPatienceSeconds;
    while (area.state != StartState::Running) {
        pause_processor();
        auto expected = StartState::Expected;
        if (ticks_now() >= end &&
            area.state.compare_exchange_strong(expected, StartState::GivenUp)) {
            return false;
        }
    }
    return true;
}

bool start_processor(std::uint32_t apic_id, PhysicalAddress page, PhysicalAddress start_root,
                     BootAllocator& allocator) {
    const auto memory = allocator.allocate_zeroed((sizeof(ApArea) + kPageMask) & ~kPageMask);
    if (!memory.ok()) return false;
    auto& area = *new (direct_map<void>(memory.value())) ApArea{};
    unmap_kernel_page(area.guard);

    char* code = direct_map<char>(page);
    std::memcpy(code, ap_trampoline, ap_trampoline_end - ap_trampoline);
    auto& parameters =
        *reinterpret_cast<ApParameters*>(code + (ap_trampoline_parameters - ap_trampoline));
    const auto linear = static_cast<std::uint32_t>(page.value());
    parameters.gdt += linear;
    parameters.entry += linear;
    parameters.apic_id = static_cast<std::uint8_t>(apic_id);
    parameters.root = static_cast<std::uint32_t>(start_root.value());
    parameters.stack = reinterpret_cast<std::uint64_t>(area.stack + kStackBytes);
    parameters.area = reinterpret_cast<std::uint64_t>(&area);

    // MultiProcessor Specification 1.4, B.4.
    apic_send_init(apic_id);
    wait(10'000);
    for (unsigned i = 0; i < 2; ++i) {
        apic_send_startup(apic_id, page);
        wait(200);
    }
    if (has_come_up(area)) return true;
    // Should it come yet, then not on tables that are gone.
    parameters.apic_id = static_cast<std::uint8_t>(this_cpu().apic_id);
    apic_send_init(apic_id);
    return false;
}

}  // namespace

/// The trampoline comes here with the stack of its area and the loader's tables.
extern "C" [[noreturn]] void ap_start(ApArea* area) {
    cpu_initialize(*area, reinterpret_cast<std::uint64_t>(area->stack + kStackBytes));
    trap_load();
    paging_initialize_processor();
    activate(kernel_root());
    cpu_enable_protections();
    fpu_setup(true);
    apic_initialize_processor();
    timer_initialize_processor();
    auto expected = StartState::Expected;
    if (!area->state.compare_exchange_strong(expected, StartState::Coming)) halt();
    cpu_enlist();
    area->state = StartState::Running;
    lock_kernel();
    hv::initialize_processor();
    enter_scheduler();
}

void start_processors(const BootInformation& information, BootAllocator& allocator) {
    const PhysicalAddress page = information.hardware.start_page;
    for (const std::uint32_t apic_id : information.hardware.processors) {
        if (apic_id == this_cpu().apic_id) continue;
        if (cpu_count() == kMaximumProcessors || page.value() == 0 ||
            !start_processor(apic_id, page, information.hardware.start_root, allocator)) {
            print("kernel: the processor with APIC ID {} does not start; it is left out\n",
                  apic_id);
        }
    }
    if (const auto more = information.hardware.processors.dropped; more != 0)
        print("kernel: {} more processors than there is room for are left out\n", more);
}

}  // namespace redoubt::kernel
