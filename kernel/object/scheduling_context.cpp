// SchedulingContext: the account of processor time.
#include "kernel/object/scheduling_context.hpp"

#include "arch/timer.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

bool SchedulingContext::charge(std::uint64_t from, std::uint64_t to) {
    // Counters of different processors may be some ticks apart.
    if (to <= from) return false;
    consumed += to - from;
    if (!has_limit()) return false;
    if (from < period_end && to >= period_end) {
        used += period_end - from;
        from = period_end;
        has_time(from);
    }
    used += to - from;
    if (!has_time(to) || used < budget) return false;
    exhausted = true;
    ++throttled;
    return true;
}

bool SchedulingContext::has_time(std::uint64_t now) {
    if (!has_limit()) return true;
    if (now >= period_end) {
        const std::uint64_t periods = (now - period_end) / period + 1;
        used = used / budget >= periods ? used - periods * budget : 0;
        period_end += periods * period;
        exhausted = used >= budget;
    }
    return !exhausted;
}

void SchedulingContext::settle() const {
    for_each_charging(*this, [](Scheduler& owner, unsigned) { owner.settle(ticks_now()); });
}

void SchedulingContext::configure(std::uint32_t new_weight, std::uint64_t new_budget,
                                  std::uint64_t new_period) {
    settle();
    weight = new_weight;
    budget = new_budget;
    period = new_period;
    period_end = ticks_now() + period;
    used = 0;
    exhausted = false;
    reschedule_everywhere(*this);
    if (!waiting.empty()) scheduler().release(*this);
}

void scheduling_context_destroy(SchedulingContext& scheduling) {
    // A processor may not have noticed yet that its last thread is gone.
    for_each_charging(scheduling, [](Scheduler& owner, unsigned) { owner.charge_to(nullptr); });
}

}  // namespace redoubt::kernel
