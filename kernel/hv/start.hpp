// The beginning of a run, for VcpuRun and its short way.
#pragma once

#include "kernel/hv/backend.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel::hv {

inline bool may_start(const Vcpu& vcpu) { return vcpu.vm != nullptr && vcpu.runner == nullptr; }

/// May the guest be entered without scheduling? Nobody else is to run and the timer fires in time.
inline bool is_timely(const Scheduler& sched, std::uint64_t deadline) {
    return !sched.reschedule && deadline >= sched.armed;
}

/// From now on the thread is in a run, which resume() or resume_alone() goes on with.
inline void start(Thread& thread, Vcpu& vcpu, std::uint64_t deadline) {
    vcpu.runner = &thread;
    vcpu.ever_ran = true;
    vcpu.deadline = deadline;
    thread.vcpu = &vcpu;
}

}  // namespace redoubt::kernel::hv
