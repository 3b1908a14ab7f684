// What reaches a vCPU from outside: interrupts of the PLIC, of its timer and of other harts, and
// being started.
#pragma once

#include <cstdint>

#include "abi/object.hpp"
#include "arch/exit_router.hpp"
#include "vmmd/exit_next.hpp"
#include "vmmd/exit_statistics.hpp"

namespace redoubt::vmmd {

/// What one processor sends another: a start, whose address is in the Hart.
struct VcpuSignal {};

/// In the vCPU's own thread, but for what is static.
class VcpuEvents {
  public:
    VcpuEvents(const ExitContext& context, ExitRouter& router, ExitStatistics& statistics);

    /// A word of signals that were sent and not taken, with one more. Its bit 0 is somebody else's.
    static std::uint32_t add(std::uint32_t pending, VcpuSignal) { return pending | kStart; }
    /// Takes all of `pending`; gives what the vCPU does then.
    Activity take(std::uint32_t pending, Activity activity);

    /// Forgets what was sent in an earlier run.
    void prepare_run();
    /// Makes `inject` what is pending now. A vCPU that `steps` for a debugger takes nothing new.
    Activity prepare(Activity activity, bool steps) {
        if (!steps && has_news()) [[unlikely]]
            take_news();
        if (!context_.has_sstc) [[unlikely]]
            prepare_timer();
        return activity == Activity::Halted ? wake() : activity;
    }
    bool ends_rest() const { return false; }
    /// Whether an interrupt can end a halt.
    bool wakes() const { return (state_.vsie & kInterrupts) != 0; }
    /// When the halt ends by itself.
    hvcall::HostTicks wake_time() const;

    /// Right before an entry; the result lives until after the exit.
    Hart::Inside enter() {
        if (!context_.has_sstc) [[unlikely]]
            end_at_timer();
        return {hart_, [this] { hvcall::mark_dirty(state_, abi::RegisterGroup::Translations); }};
    }
    /// Changes when the monitor gives the guest an exception.
    std::uint64_t raised() const { return router_.raised(); }

    /// The guest's time stood still that long.
    void delay_time(std::uint64_t ticks);
    /// Makes all of the state page valid.
    void complete_state();

  private:
    static constexpr std::uint32_t kStart = 1U << 1;
    static constexpr std::uint64_t kInterrupts =
        abi::kInterruptSoftware | abi::kInterruptTimer | abi::kInterruptExternal;

    bool timer_is_due() const;
    /// Has another hart or the PLIC changed what is pending?
    bool has_news() const {
        const bool injected = (state_.inject & abi::kInjectExternal) != 0;
        return hart_.has_ipi() || hart_.external() != injected;
    }
    void take_news();
    /// The timer's interrupt, where the guest has no Sstc.
    void prepare_timer();
    /// What is counted of a level is its rising.
    void inject_level(std::uint64_t bit, bool level, std::uint8_t cause);
    /// Where the guest has no Sstc.
    void end_at_timer();
    /// Of a halted one: running if an interrupt is pending.
    Activity wake();
    /// The host's tick at which the timer is due.
    std::uint64_t timer_tick() const;

    ExitContext context_;
    abi::VcpuState& state_;
    Hart& hart_;
    const ExitRouter& router_;
    ExitStatistics& statistics_;
    std::uint64_t timer_ = abi::kNever;  ///< guest time, where the guest has no Sstc
};

}  // namespace redoubt::vmmd
