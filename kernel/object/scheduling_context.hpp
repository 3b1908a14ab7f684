// SchedulingContext: how much processor time the threads bound to it get, all of them together on
// all processors, and how much they have had.
#pragma once

#include <cstdint>

#include "kernel/object/thread.hpp"
#include "kernel/sched/thread_queue.hpp"

namespace redoubt::kernel {

struct SchedulingContext : ObjectHeader {
    SchedulingContext() : ObjectHeader{abi::ObjectType::SchedulingContext} {}

    std::uint32_t weight = abi::kNormalWeight;
    std::uint32_t runnable = 0;  ///< threads that are Ready or Running

    // Times are in ticks.
    std::uint64_t budget = 0;  ///< in each period; 0: no limit
    std::uint64_t period = 0;
    std::uint64_t period_end = 0;
    std::uint64_t used = 0;  ///< in this period; what goes beyond the budget counts in the next
    bool exhausted = false;

    std::uint64_t consumed = 0;   ///< ever
    std::uint64_t throttled = 0;  ///< periods whose budget did not suffice
    ThreadQueue waiting;          ///< Throttled threads; the first one's timer is for all of them

    bool has_limit() const { return budget != 0; }

    /// Counts what its threads have used on one processor. True if that was the last of the budget.
    bool charge(std::uint64_t from, std::uint64_t to);
    /// Begins a new period if it is time to. True if the budget is not used up.
    bool has_time(std::uint64_t now);

    /// Charges for what its threads use on any processor at this moment.
    void settle() const;

    /// 0 < new_weight; a new_budget of 0 is no limit.
    void configure(std::uint32_t new_weight, std::uint64_t new_budget, std::uint64_t new_period);
};
static_assert(sizeof(SchedulingContext) <= 1U << abi::kSmallObjectBits);

/// No thread is bound to it any more.
void scheduling_context_destroy(SchedulingContext& scheduling);

}  // namespace redoubt::kernel
