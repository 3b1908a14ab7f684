// What reaches a vCPU from outside: interrupts of its local APIC, and the signals of other
// processors.
#pragma once

#include <cstdint>

#include "arch/exit_router.hpp"
#include "vmmd/clock.hpp"
#include "vmmd/exit_next.hpp"
#include "vmmd/exit_statistics.hpp"

namespace redoubt::vmmd {

/// What one processor sends another.
struct VcpuSignal {
    enum class Kind { Nmi, Init, Startup };
    Kind kind = Kind::Nmi;
    std::uint8_t vector = 0;  ///< Startup
};

/// In the vCPU's own thread, but for what is static.
class VcpuEvents {
  public:
    VcpuEvents(const ExitContext& context, ExitRouter& router, ExitStatistics& statistics)
        : context_(context),
          state_(context.vcpu.state()),
          router_(router),
          statistics_(statistics) {}

    /// A word of signals that were sent and not taken, with one more. Its bit 0 is somebody else's.
    static std::uint32_t add(std::uint32_t pending, VcpuSignal signal);
    /// Takes all of `pending`; gives what the vCPU does then.
    Activity take(std::uint32_t pending, Activity activity);

    /// Forgets what was sent in an earlier run.
    void prepare_run();
    /// Puts what the guest can take now into `inject`, and asks for a window if something has to
    /// wait. A vCPU that `steps` for a debugger takes nothing.
    Activity prepare(Activity activity, bool steps);
    /// Of a vCPU that is not running: what was being delivered when it halted makes it run, as HLT
    /// would have waited for that.
    bool ends_rest() const { return (state_.inject & abi::EventInjection::kValid) != 0; }
    /// Whether an interrupt can end a halt.
    bool wakes() const;
    /// When the halt ends by itself; there is nothing but the timers for that.
    hvcall::HostTicks wake_time() const { return {~std::uint64_t{0}}; }

    struct Inside {};
    /// Right before an entry; the result lives until after the exit.
    Inside enter() {
        load_priority();
        return {};
    }
    /// Changes when the monitor gives the guest an exception.
    std::uint64_t raised() const { return state_.inject; }

    /// The guest's time stood still that long.
    void delay_time(std::uint64_t ticks);
    /// Makes all of the state page valid.
    void complete_state();

  private:
    void load_priority();
    void take_init();

    ExitContext context_;
    abi::VcpuState& state_;
    ExitRouter& router_;
    ExitStatistics& statistics_;
    bool nmi_pending_ = false;
};

}  // namespace redoubt::vmmd
