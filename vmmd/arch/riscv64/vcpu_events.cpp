// Interrupts, timer, start.
#include "arch/vcpu_events.hpp"

#include <algorithm>

#include "vmmd/arch/riscv64/cpu/initial_state.hpp"

namespace redoubt::vmmd {

namespace {
// Numbers in scause, for the statistics.
constexpr std::uint8_t kSoftwareCause = 1, kTimerCause = 5, kExternalCause = 9;
}  // namespace

VcpuEvents::VcpuEvents(const ExitContext& context, ExitRouter& router, ExitStatistics& statistics)
    : context_(context),
      state_(context.vcpu.state()),
      hart_(context.harts[context.hart]),
      router_(router),
      statistics_(statistics) {}

void VcpuEvents::prepare_run() { timer_ = abi::kNever; }

Activity VcpuEvents::take(std::uint32_t pending, Activity activity) {
    if ((pending & kStart) == 0 || activity != Activity::WaitingForStartup) return activity;
    const auto start = hart_.begin();
    set_start(state_, start.address, context_.hart, start.opaque);
    timer_ = abi::kNever;
    return Activity::Running;
}

void VcpuEvents::inject_level(std::uint64_t bit, bool level, std::uint8_t cause) {
    if (level == ((state_.inject & bit) != 0)) return;
    state_.inject ^= bit;
    if (level) statistics_.count_interrupt(cause);
}

void VcpuEvents::take_news() {
    if (hart_.take_ipi()) {
        state_.inject |= abi::kInjectSoftware;
        statistics_.count_interrupt(kSoftwareCause);
    }
    inject_level(abi::kInjectExternal, hart_.external(), kExternalCause);
}

void VcpuEvents::prepare_timer() {
    if (const auto time = hart_.take_timer()) timer_ = *time;
    inject_level(abi::kInjectTimer, timer_is_due(), kTimerCause);
}

Activity VcpuEvents::wake() {
    const bool wakes = (state_.inject >> 1 & state_.vsie) != 0 ||
                       ((state_.vsie & abi::kInterruptTimer) != 0 && timer_is_due());
    if (!wakes) return Activity::Halted;
    hart_.resume();
    return Activity::Running;
}

std::uint64_t VcpuEvents::timer_tick() const {
    const auto timer = context_.has_sstc ? state_.timer : timer_;
    const auto now = context_.hypervisor.ticks_now().count;
    const auto guest_now = now + state_.time_delta;
    if (timer <= guest_now) return now;
    // In a century or never.
    const auto distance = timer - guest_now;
    return distance > abi::kNever - now ? abi::kNever : now + distance;
}

bool VcpuEvents::timer_is_due() const {
    const auto timer = context_.has_sstc ? state_.timer : timer_;
    return timer != abi::kNever &&
           timer <= context_.hypervisor.ticks_now().count + state_.time_delta;
}

hvcall::HostTicks VcpuEvents::wake_time() const {
    if ((state_.vsie & abi::kInterruptTimer) == 0) return {abi::kNever};
    return {timer_tick()};
}

void VcpuEvents::end_at_timer() {
    if (!timer_is_due()) state_.deadline = std::min(state_.deadline, timer_tick());
}

void VcpuEvents::delay_time(std::uint64_t ticks) {
    state_.time_delta -= ticks;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Supervisor);
}

void VcpuEvents::complete_state() {
    constexpr auto kFpu = abi::RegisterGroup::Fpu;
    if ((state_.dirty & static_cast<std::uint32_t>(kFpu)) == 0) context_.vcpu.get_state(kFpu);
}

}  // namespace redoubt::vmmd
