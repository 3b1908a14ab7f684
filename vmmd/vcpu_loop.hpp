// One vCPU's thread: timers, interrupts, entering the guest, routing exits, halting.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "vmmd/cpu/msr.hpp"
#include "vmmd/exit_router.hpp"
#include "vmmd/exit_statistics.hpp"
#include "vmmd/guest_clock.hpp"
#include "vmmd/timer_queue.hpp"

namespace redoubt::vmmd {

/// Why a vCPU left its loop.
struct LoopEnd {
    enum class Cause {
        Requested,  ///< stop()
        PowerOff,   ///< the guest switched itself off
        Reset,      ///< the guest or a person wants it to start anew
        Crash,      ///< the guest cannot go on
        Destroyed,  ///< the VM is gone
    };
    Cause cause = Cause::Requested;
    std::string reason;  ///< Crash: a sentence's end
};

class VcpuLoop {
  public:
    VcpuLoop(const ExitContext& context, GuestClock& clock, const hvcall::Hypervisor& hypervisor,
             TimerQueue& timers);

    /// Runs the guest in the calling thread until something ends it. Throws HypervisorError.
    LoopEnd run();

    // -- from any thread
    void stop() { request(kStop); }
    void power_off() { request(kPowerOff); }
    void reset() { request(kReset); }
    void inject_nmi() { request(kNmi); }
    void pause();
    void resume();
    /// Something may have become pending, or a timer earlier.
    void kick();

    ExitStatistics& statistics() { return statistics_; }

  private:
    enum Request : std::uint32_t {
        kStop = 1U << 0,
        kPowerOff = 1U << 1,
        kReset = 1U << 2,
        kPause = 1U << 3,
        kNmi = 1U << 4,
    };
    static constexpr std::uint32_t kEnds = kStop | kPowerOff | kReset;
    void request(std::uint32_t bits);
    /// True: `end` says how the loop ends.
    bool serve_requests(LoopEnd& end);
    void stay_paused();
    void run_timers();
    void prepare_events();
    void halt();

    ExitContext context_;
    hvcall::Vcpu& vcpu_;
    abi::VcpuState& state_;
    GuestClock& clock_;
    const hvcall::Hypervisor& hypervisor_;
    TimerQueue& timers_;
    ExitRouter router_;
    ExitStatistics statistics_;

    std::atomic<std::uint32_t> requests_ = 0;
    std::atomic<std::thread::id> thread_{};
    bool halted_ = false;
    bool nmi_pending_ = false;
    Nanoseconds seen_deadline_ =
        kNever;  ///< the timers' next deadline when state_.deadline was computed

    std::mutex pause_mutex_;
    std::condition_variable pause_changed_;
    bool paused_ = false;
};

}  // namespace redoubt::vmmd
