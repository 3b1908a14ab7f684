// Interrupts, NMI, INIT and SIPI.
#include "arch/vcpu_events.hpp"

#include "vmmd/arch/x86_64/cpu/initial_state.hpp"
#include "vmmd/arch/x86_64/cpu/msr.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/isa/alu.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::uint32_t kBlocksInterrupts = abi::kInterruptShadow;
constexpr std::uint32_t kBlocksNmi = abi::kInterruptShadow | abi::kNmiBlocked;

enum Bit : std::uint32_t {
    kNmi = 1U << 1,
    kInit = 1U << 2,
    kStartup = 1U << 3,  ///< with its vector from kVectorShift
};
constexpr unsigned kVectorShift = 8;
constexpr std::uint32_t kNotOurs = 1;

}  // namespace

std::uint32_t VcpuEvents::add(std::uint32_t pending, VcpuSignal signal) {
    switch (signal.kind) {
        case VcpuSignal::Kind::Nmi:
            return pending | kNmi;
        case VcpuSignal::Kind::Init:
            // Forgets a SIPI that came before.
            return (pending & kNotOurs) | kInit;
        case VcpuSignal::Kind::Startup:
            break;
    }
    // The second of two has no effect: the first has started the processor.
    if ((pending & kStartup) != 0) return pending;
    return pending | kStartup | std::uint32_t{signal.vector} << kVectorShift;
}

Activity VcpuEvents::take(std::uint32_t pending, Activity activity) {
    if ((pending & kInit) != 0) {
        take_init();
        activity = Activity::WaitingForStartup;
    }
    if ((pending & kStartup) != 0 && activity == Activity::WaitingForStartup) {
        set_startup_address(state_, static_cast<std::uint8_t>(pending >> kVectorShift));
        activity = Activity::Running;
    }
    if ((pending & kNmi) != 0) nmi_pending_ = true;
    return activity;
}

/// INIT (APM vol. 2 14.1.3): registers as after power-on, but for the FPU's and the MSRs; then it
/// waits for a SIPI, whatever it did before.
void VcpuEvents::take_init() {
    set_init_state(state_);
    router_.debug_registers().reset();
    context_.apic.init();
    nmi_pending_ = false;
}

void VcpuEvents::prepare_run() {
    nmi_pending_ = false;
    router_.debug_registers().reset();
}

Activity VcpuEvents::prepare(Activity activity, bool steps) {
    if (steps && activity == Activity::Running) [[unlikely]] {
        state_.control = 0;
        return activity;
    }
    auto& apic = context_.apic;
    if (!apic.interrupt_pending() && !nmi_pending_) [[likely]] {
        state_.control = 0;
        return activity;
    }
    // An exception of the emulator, or an event whose delivery was interrupted, comes first.
    const bool busy = (state_.inject & abi::EventInjection::kValid) != 0;
    if (!busy && nmi_pending_ && (state_.interruptibility & kBlocksNmi) == 0) {
        state_.inject = abi::EventInjection::kValid | abi::EventInjection::kNmi | 2;
        nmi_pending_ = false;
        statistics_.count_nmi();
        activity = Activity::Running;
    } else if (!busy && apic.interrupt_pending() && wakes() &&
               (state_.interruptibility & kBlocksInterrupts) == 0) {
        if (const auto vector = apic.acknowledge()) {
            state_.inject =
                abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | *vector;
            statistics_.count_interrupt(*vector);
            activity = Activity::Running;
        }
    }
    state_.control = apic.interrupt_pending() ? abi::kRequestInterruptWindow : 0;
    return activity;
}

bool VcpuEvents::wakes() const { return (state_.rflags & isa::rflags::kInterrupt) != 0; }

void VcpuEvents::load_priority() {
    const auto priority = context_.apic.cr8();
    if (state_.tpr == priority) [[likely]] {
        return;
    }
    state_.tpr = priority;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Control);
}

void VcpuEvents::delay_time(std::uint64_t ticks) { context_.msrs.delay_tsc(ticks); }

void VcpuEvents::complete_state() {
    // What the monitor has changed the hypervisor does not know yet.
    const auto stale = static_cast<std::uint32_t>(abi::RegisterGroup::All) & ~state_.dirty;
    if (stale != 0) context_.vcpu.get_state(static_cast<abi::RegisterGroup>(stale));
    // Copies that the kernel makes at an exit, of which there may not have been any yet.
    const auto& code = state_.segments[abi::kCs];
    const auto& stack = state_.segments[abi::kSs];
    state_.cs_base = code.base;
    state_.cs_attributes = code.attributes;
    state_.ss_base = stack.base;
    state_.cpl = stack.attributes >> 5 & 3;
}

}  // namespace redoubt::vmmd
