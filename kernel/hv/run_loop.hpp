// The course of a run, as a template over the backend so that a world switch costs no indirect
// call. Each backend instantiates it once, beside its enter().
#pragma once

#include "arch/fpu.hpp"
#include "arch/interrupt.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/fpu_state.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel::hv {

template <HypervisorBackend B>
class Run {
  public:
    [[gnu::flatten]] static RunOutcome resume(Thread& thread) {
        Vcpu& vcpu = *thread.vcpu;
        if (!vcpu.entered) [[likely]] {
            abi::VcpuState& state = *vcpu.state;
            if ((state.control & abi::kExitAtOnce) != 0)
                return end(thread, vcpu, abi::ExitKind::Interrupted);
            if ((state.dirty & kFpuGroup) != 0) [[unlikely]]
                load_fpu(vcpu);
            if (!B::load(vcpu)) [[unlikely]]
                return end(thread, vcpu);
            vcpu.entered = true;
        }
        fpu_load(vcpu.fpu_area);
        for (;;) {
            if (vcpu.kicked) [[unlikely]] {
                vcpu.kicked = false;
                return end(thread, vcpu, abi::ExitKind::Interrupted);
            }
            const std::uint64_t now = ticks_now();
            if (now >= vcpu.deadline) [[unlikely]]
                return end(thread, vcpu, abi::ExitKind::Deadline);
            const Entered entered = B::enter(vcpu);
            vcpu.guest_ticks += ticks_now() - now;
            if (entered == Entered::ToMonitor) [[likely]]
                return end(thread, vcpu);
            ++vcpu.exits_in_kernel;
            if (entered == Entered::HostInterrupt) {
                take_pending_interrupts();
                return RunOutcome::Preempted;
            }
        }
    }

  private:
    static constexpr auto kFpuGroup = static_cast<std::uint32_t>(abi::RegisterGroup::Fpu);

    /// Ends a run whose exit record is filled. Only a run that took the page's values has some to
    /// give back.
    static RunOutcome end(Thread& thread, Vcpu& vcpu) {
        abi::VcpuState& state = *vcpu.state;
        if (vcpu.entered) [[likely]]
            B::store(vcpu);
        ++vcpu.exits[static_cast<std::uint32_t>(state.exit.kind) % Vcpu::kExitKinds];
        ++vcpu.runs;
        state.exits_in_kernel = vcpu.exits_in_kernel;
        state.exits_total = exit_count(vcpu);
        state.guest_ticks = vcpu.guest_ticks;
        vcpu.entered = false;
        vcpu.runner = nullptr;
        thread_end_run(thread, abi::Error::Ok);
        return RunOutcome::Finished;
    }

    [[gnu::cold, gnu::noinline]] static RunOutcome end(Thread& thread, Vcpu& vcpu,
                                                       abi::ExitKind kind) {
        vcpu.state->exit = abi::Exit{};
        vcpu.state->exit.kind = kind;
        return end(thread, vcpu);
    }
};

}  // namespace redoubt::kernel::hv
