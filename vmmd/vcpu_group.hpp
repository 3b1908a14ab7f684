// What the vCPU loops of one machine have in common: how a run ends, when all of them pause, and
// whether anything can still wake one.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vmmd/guest_clock.hpp"

namespace redoubt::vmmd {

class VcpuLoop;

/// Why a run ended.
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
    unsigned vcpu = 0;   ///< Crash: whose
};

/// Its mutex is the last that anybody takes: devices may ask for an end with their locks held.
class VcpuGroup {
  public:
    VcpuGroup(GuestClock& clock, const hvcall::Hypervisor& hypervisor)
        : clock_(clock), hypervisor_(hypervisor) {}

    /// All loops are added before the first run.
    void add(VcpuLoop& loop) { loops_.push_back(&loop); }
    std::size_t size() const { return loops_.size(); }

    // -- from any thread; what comes between two runs is for the next one
    void stop() { end(LoopEnd::Cause::Requested); }
    void power_off() { end(LoopEnd::Cause::PowerOff); }
    void reset() { end(LoopEnd::Cause::Reset); }
    /// Every vCPU stays outside the guest until resume(), and the guest's time stands still from
    /// when the last has come out. A VM that is reset while it is paused stays paused.
    void pause();
    void resume();

    // -- for the loops
    /// That vCPU cannot go on, for a reason of its own.
    void fail(unsigned vcpu, const std::string& reason);
    /// Nor can any, and this one was the last to find out.
    void crash(unsigned vcpu, std::string reason);
    void destroyed() { end(LoopEnd::Cause::Destroyed); }
    /// Stays while the machine is paused. True: the run is over.
    bool attend();
    /// The caller is about to wait for what only another vCPU can send: an NMI, INIT or SIPI.
    /// False: nobody ever will, because all others wait as well.
    [[nodiscard]] bool begin_silence();
    void end_silence();

    // -- for the machine, while no loop runs
    void prepare_run();
    LoopEnd take_end();

  private:
    void end(LoopEnd::Cause cause);
    void call_everybody();
    void let_time_pass();

    GuestClock& clock_;
    const hvcall::Hypervisor& hypervisor_;
    std::vector<VcpuLoop*> loops_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint32_t ends_ = 0;  ///< a bit for each LoopEnd::Cause
    std::string reason_;
    unsigned crashed_vcpu_ = 0;
    bool paused_ = false;
    std::size_t parked_ = 0;
    std::size_t silent_ = 0;
    std::optional<hvcall::HostTicks> stopped_since_;  ///< all are parked
};

}  // namespace redoubt::vmmd
