// The vCPU loop. What it does before every entry costs a handful of loads when nothing is to be
// done.
#include "vmmd/vcpu_loop.hpp"

#include "abi/object.hpp"
#include "vmmd/devices/local_apic.hpp"
#include "vmmd/x86/alu.hpp"

namespace redoubt::vmmd {

namespace {
constexpr std::uint32_t kBlocksInterrupts = abi::kInterruptShadow;
constexpr std::uint32_t kBlocksNmi = abi::kInterruptShadow | abi::kNmiBlocked;
}  // namespace

VcpuLoop::VcpuLoop(const ExitContext& context, GuestClock& clock,
                   const hvcall::Hypervisor& hypervisor, TimerQueue& timers)
    : context_(context),
      vcpu_(context.vcpu),
      state_(context.vcpu.state()),
      clock_(clock),
      hypervisor_(hypervisor),
      timers_(timers),
      router_(context) {}

LoopEnd VcpuLoop::run() {
    thread_ = std::this_thread::get_id();
    halted_ = false;
    nmi_pending_ = false;
    seen_deadline_ = kNever;
    state_.deadline = abi::kNever;
    {
        // A VM that is reset while it is paused stays paused.
        std::scoped_lock lock(pause_mutex_);
        if (paused_) requests_ |= kPause;
    }
    LoopEnd end;
    for (;;) {
        if (requests_.load(std::memory_order_acquire) != 0 && serve_requests(end)) return end;
        run_timers();
        prepare_events();
        if (halted_) {
            halt();
            continue;
        }
        if (state_.tpr != context_.apic.cr8()) [[unlikely]] {
            state_.tpr = context_.apic.cr8();
            hvcall::mark_dirty(state_, abi::RegisterGroup::Control);
        }
        if (vcpu_.run() == hvcall::RunResult::Destroyed) return {LoopEnd::Cause::Destroyed, {}};
        statistics_.count(state_);
        switch (router_.route()) {
            case ExitRouter::Next::Run:
                break;
            case ExitRouter::Next::Halt:
                halted_ = true;
                break;
            case ExitRouter::Next::Stop:
                return {LoopEnd::Cause::Crash, router_.reason()};
        }
    }
}

// -- requests

void VcpuLoop::request(std::uint32_t bits) {
    requests_.fetch_or(bits, std::memory_order_acq_rel);
    {
        std::scoped_lock lock(pause_mutex_);
        pause_changed_.notify_all();
    }
    kick();
}

void VcpuLoop::kick() {
    // The vCPU's own thread looks at everything before its next entry anyway.
    if (thread_.load(std::memory_order_relaxed) != std::this_thread::get_id()) vcpu_.kick();
}

void VcpuLoop::pause() {
    {
        std::scoped_lock lock(pause_mutex_);
        paused_ = true;
    }
    request(kPause);
}

void VcpuLoop::resume() {
    std::scoped_lock lock(pause_mutex_);
    paused_ = false;
    pause_changed_.notify_all();
}

bool VcpuLoop::serve_requests(LoopEnd& end) {
    auto requests = requests_.exchange(0, std::memory_order_acq_rel);
    if ((requests & kPause) != 0 && (requests & kEnds) == 0) {
        stay_paused();
        requests |= requests_.exchange(0, std::memory_order_acq_rel);
    }
    if ((requests & kNmi) != 0) nmi_pending_ = true;
    if ((requests & kStop) != 0) {
        end.cause = LoopEnd::Cause::Requested;
    } else if ((requests & kPowerOff) != 0) {
        end.cause = LoopEnd::Cause::PowerOff;
    } else if ((requests & kReset) != 0) {
        end.cause = LoopEnd::Cause::Reset;
    } else {
        return false;
    }
    return true;
}

/// The guest's time stands still meanwhile, its TSC included.
void VcpuLoop::stay_paused() {
    const auto since = hypervisor_.ticks_now();
    {
        std::unique_lock lock(pause_mutex_);
        pause_changed_.wait(lock, [&] { return !paused_ || (requests_ & kEnds) != 0; });
    }
    const auto before = clock_.stopped_ticks();
    clock_.skip_since(since);
    context_.msrs.delay_tsc(clock_.stopped_ticks() - before);
    seen_deadline_ = {0};  // the same deadline is at another host tick now
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
        halted_ = false;
    } else if (!busy && apic.interrupt_pending() &&
               (state_.rflags & x86::rflags::kInterrupt) != 0 &&
               (state_.interruptibility & kBlocksInterrupts) == 0) {
        if (const auto vector = apic.acknowledge()) {
            state_.inject =
                abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | *vector;
            statistics_.count_injection();
            halted_ = false;
        }
    }
    state_.control = apic.interrupt_pending() ? abi::kRequestInterruptWindow : 0;
}

void VcpuLoop::halt() {
    // An event that was being delivered when the guest halted cannot be: HLT would have waited for
    // it.
    if ((state_.inject & abi::EventInjection::kValid) != 0) {
        halted_ = false;
        return;
    }
    vcpu_.wait({state_.deadline});
}

}  // namespace redoubt::vmmd
