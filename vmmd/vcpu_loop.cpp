// The vCPU loop. What it does before every entry costs a handful of loads when nothing is to be
// done.
#include "vmmd/vcpu_loop.hpp"

#include "abi/object.hpp"
#include "vmmd/arch/x86_64/cpu/initial_state.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"
#include "vmmd/arch/x86_64/isa/alu.hpp"

namespace redoubt::vmmd {

namespace {
constexpr std::uint32_t kBlocksInterrupts = abi::kInterruptShadow;
constexpr std::uint32_t kBlocksNmi = abi::kInterruptShadow | abi::kNmiBlocked;

constexpr ExitOutcome outcome_of(ExitRouter::Next next) {
    switch (next) {
        case ExitRouter::Next::Run:
            return ExitOutcome::Resumed;
        case ExitRouter::Next::Halt:
            return ExitOutcome::Halted;
        case ExitRouter::Next::Stop:
            break;
    }
    return ExitOutcome::Stopped;
}
}  // namespace

VcpuLoop::VcpuLoop(unsigned index, const ExitContext& context, GuestClock& clock,
                   const hvcall::Hypervisor& hypervisor, TimerQueue& timers, VcpuGroup& group)
    : index_(index),
      context_(context),
      vcpu_(context.vcpu),
      state_(context.vcpu.state()),
      clock_(clock),
      hypervisor_(hypervisor),
      timers_(timers),
      group_(group),
      router_(context),
      debug_(index, context.vcpu, context.memory, router_.debug_registers()) {}

void VcpuLoop::prepare_run() {
    thread_ = std::thread::id();
    // What the group wants, it may have wanted before the run.
    requests_ = kCall;
    activity_ = index_ == 0 ? Activity::Running : Activity::WaitingForStartup;
    nmi_pending_ = false;
    seen_deadline_ = kNever;
    state_.deadline = abi::kNever;
    router_.debug_registers().reset();
}

void VcpuLoop::run() {
    thread_ = std::this_thread::get_id();
    const TimeAccount::Session session(times_, hypervisor_);
    for (;;) {
        if (requests_.load(std::memory_order_acquire) != 0 && serve_requests()) return;
        run_timers();
        prepare_events();
        if (activity_ != Activity::Running) {
            rest();
            continue;
        }
        if (state_.tpr != context_.apic.cr8()) [[unlikely]] {
            state_.tpr = context_.apic.cr8();
            hvcall::mark_dirty(state_, abi::RegisterGroup::Control);
        }
        if (debug_.attached()) [[unlikely]]
            debug_.before_entry();
        times_.change(TimeAccount::Use::Run, hypervisor_.ticks_now());
        if (vcpu_.run() == hvcall::RunResult::Destroyed) return group_.destroyed();
        switch (handle_exit()) {
            case ExitRouter::Next::Run:
                break;
            case ExitRouter::Next::Halt:
                activity_ = Activity::Halted;
                break;
            case ExitRouter::Next::Stop:
                if (!show_crash(router_.reason())) group_.fail(index_, router_.reason());
                return;
        }
    }
}

ExitRouter::Next VcpuLoop::handle_exit() {
    statistics_.count(state_.exit.kind);
    const auto now = hypervisor_.ticks_now();
    times_.change(TimeAccount::Use::Monitor, now);
    trace_.begin(state_, now);
    // What is there already was interrupted by the exit and comes again.
    const auto interrupted = state_.inject;
    const auto next = debug_.attached() ? route_debugged() : router_.route();
    if (state_.inject != interrupted) statistics_.count_exception();
    const auto access = router_.device_access();
    trace_.finish(state_, outcome_of(next), access.size, access.value);
    return next;
}

ExitRouter::Next VcpuLoop::route_debugged() {
    if (debug_.after_exit()) return ExitRouter::Next::Run;
    const auto next = router_.route();
    if (next != ExitRouter::Next::Stop) debug_.after_emulation();
    return next;
}

// -- requests

void VcpuLoop::request(std::uint32_t bits) {
    requests_.fetch_or(bits, std::memory_order_acq_rel);
    kick();
}

void VcpuLoop::kick() {
    // The vCPU's own thread looks at everything before its next entry anyway.
    if (thread_.load(std::memory_order_relaxed) != std::this_thread::get_id()) vcpu_.kick();
}

/// Forgets a SIPI that came before.
void VcpuLoop::send_init() {
    auto requests = requests_.load(std::memory_order_relaxed);
    while (!requests_.compare_exchange_weak(requests, (requests & kCall) | kInit,
                                            std::memory_order_acq_rel)) {
    }
    kick();
}

/// The second of two has no effect: the first has started the processor.
void VcpuLoop::send_startup(std::uint8_t vector) {
    auto requests = requests_.load(std::memory_order_relaxed);
    const std::uint32_t bits = kStartup | std::uint32_t{vector} << kVectorShift;
    do {
        if ((requests & kStartup) != 0) return;
    } while (
        !requests_.compare_exchange_weak(requests, requests | bits, std::memory_order_acq_rel));
    kick();
}

bool VcpuLoop::serve_requests() {
    const auto requests = requests_.exchange(0, std::memory_order_acq_rel);
    if ((requests & kCall) != 0) {
        times_.change(TimeAccount::Use::Paused, hypervisor_.ticks_now());
        const bool over = group_.attend(index_, [this] { complete_state(); });
        times_.change(TimeAccount::Use::Monitor, hypervisor_.ticks_now());
        follow_clock();
        if (over) return true;
    }
    if ((requests & kInit) != 0) take_init();
    if ((requests & kStartup) != 0)
        take_startup(static_cast<std::uint8_t>(requests >> kVectorShift));
    if ((requests & kNmi) != 0) nmi_pending_ = true;
    return false;
}

/// The guest's time stood still during a pause, its TSC included: the same span on every vCPU.
void VcpuLoop::follow_clock() {
    const auto stopped = clock_.stopped_ticks();
    if (stopped == stopped_ticks_) return;
    context_.msrs.delay_tsc(stopped - stopped_ticks_);
    stopped_ticks_ = stopped;
    seen_deadline_ = {0};  // the same deadline is at another host tick now
}

void VcpuLoop::complete_state() {
    // What the monitor has changed the hypervisor does not know yet.
    const auto stale = static_cast<std::uint32_t>(abi::RegisterGroup::All) & ~state_.dirty;
    if (stale != 0) vcpu_.get_state(static_cast<abi::RegisterGroup>(stale));
    // Copies that the kernel makes at an exit, of which there may not have been any yet.
    const auto& code = state_.segments[abi::kCs];
    const auto& stack = state_.segments[abi::kSs];
    state_.cs_base = code.base;
    state_.cs_attributes = code.attributes;
    state_.ss_base = stack.base;
    state_.cpl = stack.attributes >> 5 & 3;
}

/// A debugger may look at what there is first. True: the run has ended meanwhile.
bool VcpuLoop::show_crash(const std::string& reason) {
    if (!debug_.attached()) return false;
    debug_.crashed(reason);
    return serve_requests();
}

/// INIT (APM vol. 2 14.1.3): registers as after power-on, but for the FPU's and the MSRs; then it
/// waits for a SIPI, whatever it did before.
void VcpuLoop::take_init() {
    set_init_state(state_);
    router_.debug_registers().reset();
    context_.apic.init();
    nmi_pending_ = false;
    activity_ = Activity::WaitingForStartup;
}

void VcpuLoop::take_startup(std::uint8_t vector) {
    if (activity_ != Activity::WaitingForStartup) return;
    set_startup_address(state_, vector);
    activity_ = Activity::Running;
}

std::string VcpuLoop::describe() const {
    const auto name = "vCPU " + std::to_string(index_);
    switch (activity_) {
        case Activity::Halted:
            return name + ", halted";
        case Activity::WaitingForStartup:
            return name + ", waits for a start-up IPI";
        case Activity::Running:
            break;
    }
    return name + ", running";
}

// -- time

void VcpuLoop::run_timers() {
    auto next = timers_.next_deadline();
    if (next == seen_deadline_ && hypervisor_.ticks_now().count < state_.deadline) [[likely]] {
        return;
    }
    while (next <= clock_.now()) {
        timers_.run_expired();
        next = timers_.next_deadline();
    }
    seen_deadline_ = next;
    state_.deadline = clock_.host_ticks(next).count;
}

// -- interrupts

/// Puts what the guest can take now into `inject`, and asks for a window if something has to wait.
void VcpuLoop::prepare_events() {
    if (activity_ == Activity::WaitingForStartup) [[unlikely]] {
        return;
    }
    if (debug_.steps() && activity_ == Activity::Running) [[unlikely]] {
        state_.control = 0;
        return;
    }
    auto& apic = context_.apic;
    if (!apic.interrupt_pending() && !nmi_pending_) [[likely]] {
        state_.control = 0;
        return;
    }
    // An exception of the emulator, or an event whose delivery was interrupted, comes first.
    const bool busy = (state_.inject & abi::EventInjection::kValid) != 0;
    if (!busy && nmi_pending_ && (state_.interruptibility & kBlocksNmi) == 0) {
        state_.inject = abi::EventInjection::kValid | abi::EventInjection::kNmi | 2;
        nmi_pending_ = false;
        statistics_.count_nmi();
        activity_ = Activity::Running;
    } else if (!busy && apic.interrupt_pending() &&
               (state_.rflags & isa::rflags::kInterrupt) != 0 &&
               (state_.interruptibility & kBlocksInterrupts) == 0) {
        if (const auto vector = apic.acknowledge()) {
            state_.inject =
                abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | *vector;
            statistics_.count_interrupt(*vector);
            activity_ = Activity::Running;
        }
    }
    state_.control = apic.interrupt_pending() ? abi::kRequestInterruptWindow : 0;
}

void VcpuLoop::rest() {
    // An event that was being delivered when the guest halted cannot be: HLT would have waited for
    // it.
    if ((state_.inject & abi::EventInjection::kValid) != 0) {
        activity_ = Activity::Running;
        return;
    }
    const bool takes_interrupts =
        activity_ == Activity::Halted && (state_.rflags & isa::rflags::kInterrupt) != 0;
    if (takes_interrupts) return wait();

    if (group_.begin_silence()) {
        wait();
    } else {
        const auto reason = group_.size() == 1
                                ? router_.at_rip("halted with interrupts disabled")
                                : "every processor is halted with interrupts disabled";
        if (!show_crash(reason)) group_.crash(index_, reason);
    }
    group_.end_silence();
}

void VcpuLoop::wait() {
    times_.change(TimeAccount::Use::Waiting, hypervisor_.ticks_now());
    vcpu_.wait({state_.deadline});
    times_.change(TimeAccount::Use::Monitor, hypervisor_.ticks_now());
}

}  // namespace redoubt::vmmd
