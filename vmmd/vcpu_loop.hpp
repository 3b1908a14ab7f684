// One vCPU's thread: timers, interrupts, entering the guest, routing exits, halting.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "arch/exit_router.hpp"
#include "arch/vcpu_debug.hpp"
#include "arch/vcpu_events.hpp"
#include "vmmd/exit_next.hpp"
#include "vmmd/exit_statistics.hpp"
#include "vmmd/time_account.hpp"
#include "vmmd/timer_queue.hpp"
#include "vmmd/trace/exit_trace.hpp"
#include "vmmd/vcpu_group.hpp"

namespace redoubt::vmmd {

class VcpuLoop {
  public:
    /// `index` 0 is the boot processor, which starts by itself; the others wait to be started.
    /// `timers` is this vCPU's own queue.
    VcpuLoop(unsigned index, const ExitContext& context, GuestClock& clock,
             const hvcall::Hypervisor& hypervisor, TimerQueue& timers, VcpuGroup& group);

    /// Forgets what was sent in an earlier run. Comes before run() of any vCPU.
    void prepare_run();
    /// Runs the guest in the calling thread until the group's run is over. Throws HypervisorError.
    void run();

    // -- from any thread
    /// The group has something to say.
    void call() { request(kCall); }
    void send(VcpuSignal signal);
    /// True if a signal was sent that the vCPU has not taken yet.
    bool has_signal() const { return (requests_.load(std::memory_order_acquire) & ~kCall) != 0; }
    /// Something may have become pending, or a timer earlier.
    void kick();

    const ExitStatistics& statistics() const { return statistics_; }
    const TimeAccount& times() const { return times_; }
    const abi::VcpuState& state() const { return state_; }
    const ExitTrace& trace() const { return trace_; }
    /// Makes all of the state page valid. In the vCPU's thread, or while there is none.
    void complete_state();

    // -- for a debugger, while the vCPU is parked
    VcpuDebug& debug() { return debug_; }
    abi::VcpuState& state() { return state_; }
    Activity activity() const { return activity_; }
    /// "vCPU 1, halted"
    std::string describe() const;
    /// Goes on without the interrupt that HLT waits for.
    void leave_halt() {
        if (activity_ == Activity::Halted) activity_ = Activity::Running;
    }

  private:
    /// Of requests_; its other bits are signals.
    static constexpr std::uint32_t kCall = 1;

    void request(std::uint32_t bits);
    /// True: the run is over.
    bool serve_requests();
    void follow_clock();
    bool show_crash(const std::string& reason);
    void run_timers();
    hvcall::RunResult enter();
    ExitNext handle_exit();
    ExitNext route_debugged();
    void rest();
    void wait();

    const unsigned index_;
    hvcall::Vcpu& vcpu_;
    abi::VcpuState& state_;
    GuestClock& clock_;
    const hvcall::Hypervisor& hypervisor_;
    TimerQueue& timers_;
    VcpuGroup& group_;
    ExitRouter router_;
    VcpuDebug debug_;
    ExitStatistics statistics_;
    VcpuEvents events_;
    TimeAccount times_;
    ExitTrace trace_;

    std::atomic<std::uint32_t> requests_ = 0;
    std::atomic<std::thread::id> thread_{};
    Activity activity_ = Activity::Running;
    std::uint64_t stopped_ticks_ = 0;  ///< of the clock, that this vCPU's counter knows of
    Nanoseconds seen_deadline_ =
        kNever;  ///< the timers' next deadline when state_.deadline was computed
};

}  // namespace redoubt::vmmd
