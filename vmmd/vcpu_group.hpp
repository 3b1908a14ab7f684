// What the vCPU loops of one machine have in common: how a run ends, when they are parked, and
// whether anything can still wake one.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
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
    /// Who can hold all vCPUs outside the guest: a person who pauses the VM, a debugger, or
    /// somebody who only looks at them for a moment.
    enum class Holder : std::uint32_t { Pause = 1, Debugger = 2, Look = 4 };
    /// Until release(). The guest's time stands still from when the last vCPU is parked. A VM that
    /// is reset while it is held stays so. True: all are parked already.
    bool hold(Holder holder);
    /// `stay` has a bit for each vCPU that stays parked even if nobody holds all; it is the
    /// debugger's. False: somebody else still does, other than for a look.
    bool release(Holder holder, std::uint64_t stay = 0);
    bool all_parked();
    void pause() { hold(Holder::Pause); }
    void resume() { release(Holder::Pause); }
    /// Called by the last vCPU that is parked, in its thread. Set before the first run.
    void set_parked_hook(std::function<void()> hook) { parked_hook_ = std::move(hook); }

    // -- for the loops
    /// That vCPU cannot go on, for a reason of its own.
    void fail(unsigned vcpu, const std::string& reason);
    /// Nor can any, and this one was the last to find out.
    void crash(unsigned vcpu, std::string reason);
    void destroyed() { end(LoopEnd::Cause::Destroyed); }
    /// Stays while the vCPU is to be parked, after `prepare`. True: the run is over.
    bool attend(unsigned vcpu, const std::function<void()>& prepare);
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
    bool parks(unsigned vcpu) const {
        return (holders_ != 0 || (stay_ >> vcpu & 1) != 0) && ends_ == 0;
    }
    void note_if_all_parked();

    GuestClock& clock_;
    const hvcall::Hypervisor& hypervisor_;
    std::vector<VcpuLoop*> loops_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint32_t ends_ = 0;  ///< a bit for each LoopEnd::Cause
    std::string reason_;
    unsigned crashed_vcpu_ = 0;
    std::uint32_t holders_ = 0;  ///< a bit for each Holder
    std::uint64_t stay_ = 0;     ///< a bit for each vCPU
    std::size_t parked_ = 0;
    std::function<void()> parked_hook_;
    std::size_t silent_ = 0;
    std::optional<hvcall::HostTicks> stopped_since_;  ///< all are parked
};

}  // namespace redoubt::vmmd
