// Starting the further harts through the SBI, and their way to the scheduler.
#include "arch/processors.hpp"

#include <atomic>
#include <new>

#include "arch/cpu_setup.hpp"
#include "arch/csr.hpp"
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
extern const char hart_entry[];
// For hart_entry: whose turn it is, and then its tables and its area.
extern std::atomic<std::uint64_t> starting_hart;
extern std::atomic<std::uint64_t> starting_satp;
extern std::atomic<std::uint64_t> starting_area;
}

namespace redoubt::kernel {
namespace {

/// Generous: an emulated processor may have to wait for a real one.
constexpr std::uint64_t kPatienceSeconds = 10;
constexpr std::size_t kStackBytes = 6 * kPageSize;

enum class StartState : std::uint32_t { Expected, Coming, Running, GivenUp };

struct HartArea : CpuArea {
    std::atomic<StartState> state;
    alignas(kPageSize) std::uint8_t guard[kPageSize];  ///< not mapped
    std::uint8_t stack[kStackBytes];
};

bool has_come_up(HartArea& area) {
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

bool start_processor(std::uint64_t hart, BootAllocator& allocator) {
    constexpr std::uint64_t kStart = 0;
    const auto memory = allocator.allocate_zeroed((sizeof(HartArea) + kPageMask) & ~kPageMask);
    if (!memory.ok()) return false;
    auto& area = *new (direct_map<void>(memory.value())) HartArea{};
    unmap_kernel_page(area.guard);
    area.data.kernel_stack = reinterpret_cast<std::uint64_t>(area.stack + kStackBytes);
    area.data.hart = hart;
    const PhysicalAddress entry = image_physical(reinterpret_cast<std::uint64_t>(hart_entry));
    starting_area = 0;
    starting_hart = hart;
    starting_satp = satp_of(kernel_root());
    starting_area = reinterpret_cast<std::uint64_t>(&area);
    const SbiResult result = sbi_call(kSbiHart, kStart, hart, entry.value());
    return result.error == 0 && has_come_up(area);
}

}  // namespace

/// hart_entry comes here with the stack of the area and the kernel's tables.
extern "C" [[noreturn]] void hart_start(HartArea* area) {
    cpu_initialize(*area);
    trap_initialize();
    activate(kernel_root());
    fpu_setup();
    cpu_enable_interrupts();
    auto expected = StartState::Expected;
    if (!area->state.compare_exchange_strong(expected, StartState::Coming)) halt();
    cpu_enlist();
    area->state = StartState::Running;
    lock_kernel();
    hv::initialize_processor();
    enter_scheduler();
}

/// There is nothing that cannot be held off: one that is inside the kernel goes on until it lets
/// interrupts in or waits for the lock.
void stop_other_processors() {
    for (unsigned i = 0; i < cpu_count(); ++i) {
        if (&cpu(i) != &this_cpu()) interrupt_processor(i);
    }
}

void start_processors(const BootInformation&, BootAllocator& allocator) {
    for (const boot::Processor& processor : machine().processors) {
        if (processor.hart == this_cpu().hart) continue;
        if (cpu_count() == kMaximumProcessors || !start_processor(processor.hart, allocator)) {
            print("kernel: hart {} does not start; it is left out\n", processor.hart);
        }
    }
    if (const auto more = machine().processors.dropped; more != 0)
        print("kernel: {} more harts than there is room for are left out\n", more);
}

}  // namespace redoubt::kernel
