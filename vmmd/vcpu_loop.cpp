// The vCPU loop. What it does before every entry costs a handful of loads when nothing is to be
// done.
#include "vmmd/vcpu_loop.hpp"

#include <algorithm>

#include "abi/object.hpp"

namespace redoubt::vmmd {

namespace {
constexpr ExitOutcome outcome_of(ExitNext next) {
    switch (next) {
        case ExitNext::Run:
            return ExitOutcome::Resumed;
        case ExitNext::Halt:
        case ExitNext::Off:
            return ExitOutcome::Halted;
        case ExitNext::Stop:
            break;
    }
    return ExitOutcome::Stopped;
}
}  // namespace

VcpuLoop::VcpuLoop(unsigned index, const ExitContext& context, GuestClock& clock,
                   const hvcall::Hypervisor& hypervisor, TimerQueue& timers, VcpuGroup& group)
    : index_(index),
      vcpu_(context.vcpu),
      state_(context.vcpu.state()),
      clock_(clock),
      hypervisor_(hypervisor),
      timers_(timers),
      group_(group),
      router_(context),
      debug_(index, context, router_),
      events_(context, router_, statistics_) {}

void VcpuLoop::prepare_run() {
    thread_ = std::thread::id();
    // What the group wants, it may have wanted before the run.
    requests_ = kCall;
    activity_ = index_ == 0 ? Activity::Running : Activity::WaitingForStartup;
    seen_deadline_ = kNever;
    state_.deadline = abi::kNever;
    events_.prepare_run();
}

void VcpuLoop::run() {
    thread_ = std::this_thread::get_id();
    const TimeAccount::Session session(times_, hypervisor_);
    for (;;) {
        if (requests_.load(std::memory_order_acquire) != 0 && serve_requests()) return;
        run_timers();
        if (activity_ != Activity::WaitingForStartup) [[likely]] {
            activity_ = events_.prepare(activity_, debug_.steps());
        }
        if (activity_ != Activity::Running) {
            rest();
            continue;
        }
        if (debug_.attached()) [[unlikely]]
            debug_.before_entry();
        times_.change(TimeAccount::Use::Run, hypervisor_.ticks_now());
        if (enter() == hvcall::RunResult::Destroyed) return group_.destroyed();
        switch (handle_exit()) {
            case ExitNext::Run:
                break;
            case ExitNext::Halt:
                activity_ = Activity::Halted;
                break;
            case ExitNext::Off:
                activity_ = Activity::WaitingForStartup;
                break;
            case ExitNext::Stop:
                if (!show_crash(router_.reason())) group_.fail(index_, router_.reason());
                return;
        }
    }
}

hvcall::RunResult VcpuLoop::enter() {
    [[maybe_unused]] const auto inside = events_.enter();
    return vcpu_.run();
}

ExitNext VcpuLoop::handle_exit() {
    statistics_.count(state_.exit.kind);
    const auto now = hypervisor_.ticks_now();
    times_.change(TimeAccount::Use::Monitor, now);
    trace_.begin(state_, now);
    // On x86: what is there already was interrupted by the exit and comes again.
    const auto raised = events_.raised();
    const auto next = debug_.attached() ? route_debugged() : router_.route();
    if (events_.raised() != raised) statistics_.count_exception();
    const auto access = router_.device_access();
    trace_.finish(state_, outcome_of(next), access.size, access.value);
    return next;
}

ExitNext VcpuLoop::route_debugged() {
    if (debug_.after_exit()) return ExitNext::Run;
    const auto next = router_.route();
    if (next != ExitNext::Stop) debug_.after_emulation();
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

void VcpuLoop::send(VcpuSignal signal) {
    auto requests = requests_.load(std::memory_order_relaxed);
    while (!requests_.compare_exchange_weak(requests, VcpuEvents::add(requests, signal),
                                            std::memory_order_acq_rel)) {
    }
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
    if ((requests & ~kCall) != 0) activity_ = events_.take(requests, activity_);
    return false;
}

/// The guest's time stood still during a pause, its counter included: the same span on every
/// vCPU.
void VcpuLoop::follow_clock() {
    const auto stopped = clock_.stopped_ticks();
    if (stopped == stopped_ticks_) return;
    events_.delay_time(stopped - stopped_ticks_);
    stopped_ticks_ = stopped;
    state_.deadline = 0;  // the same deadline is at another host tick now
}

void VcpuLoop::complete_state() { events_.complete_state(); }

std::string VcpuLoop::describe() const {
    const auto name = "vCPU " + std::to_string(index_);
    switch (activity_) {
        case Activity::Halted:
            return name + ", halted";
        case Activity::WaitingForStartup:
            return name + ", waits to be started";
        case Activity::Running:
            break;
    }
    return name + ", running";
}

/// A debugger may look at what there is first. True: the run has ended meanwhile.
bool VcpuLoop::show_crash(const std::string& reason) {
    if (!debug_.attached()) return false;
    debug_.crashed(reason);
    return serve_requests();
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

// -- rest

void VcpuLoop::rest() {
    if (events_.ends_rest()) {
        activity_ = Activity::Running;
        return;
    }
    if (activity_ == Activity::Halted && events_.wakes()) return wait();

    if (group_.begin_silence()) {
        wait();
    } else {
        const auto reason = group_.size() == 1
                                ? router_.at_pc("halted with interrupts disabled")
                                : "every processor is halted with interrupts disabled";
        if (!show_crash(reason)) group_.crash(index_, reason);
    }
    group_.end_silence();
}

void VcpuLoop::wait() {
    times_.change(TimeAccount::Use::Waiting, hypervisor_.ticks_now());
    const bool halted = activity_ == Activity::Halted;
    const auto own = halted ? events_.wake_time().count : abi::kNever;
    vcpu_.wait({std::min(state_.deadline, own)});
    times_.change(TimeAccount::Use::Monitor, hypervisor_.ticks_now());
}

}  // namespace redoubt::vmmd
