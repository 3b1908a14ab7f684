// The course of a run, as a template over the backend so that a world switch costs no indirect
// call. Each backend instantiates it once, beside its enter().
//
// Most of it runs without the kernel lock: the vCPU is this processor's until it next waits for the
// lock.
#pragma once

#include "arch/fpu_switch.hpp"
#include "arch/interrupt.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/fpu_state.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel::hv {

template <HypervisorBackend B>
class Run {
  public:
    [[gnu::flatten]] static void resume(Thread& thread) {
        Vcpu& vcpu = *thread.vcpu;
        if (!vcpu.entered) [[likely]] {
            const Requests requests = Requests::of(*vcpu.state);
            B::load(vcpu);
            if (!(requests == vcpu.seen)) [[unlikely]] {
                if ((requests.control() & abi::kExitAtOnce) != 0) {
                    record(vcpu, abi::ExitKind::Interrupted);
                    return finish(thread, vcpu);
                }
                act_upon(vcpu, requests);
            }
            if (vcpu.state->inject != 0 && !B::take_event(vcpu)) [[unlikely]]
                return finish(thread, vcpu);
            vcpu.entered = true;
        }
        fpu_switch(vcpu.fpu_area);
        unlock_kernel();
        for (;;) {
            if (vcpu.kicked) [[unlikely]] {
                vcpu.kicked = false;
                record(vcpu, abi::ExitKind::Interrupted);
                return end(thread, vcpu);
            }
            const std::uint64_t now = ticks_now();
            if (now >= vcpu.deadline) [[unlikely]] {
                record(vcpu, abi::ExitKind::Deadline);
                return end(thread, vcpu);
            }
            const Entered entered = B::enter(vcpu);
            vcpu.state->guest_ticks += ticks_now() - now;
            if (entered == Entered::ToMonitor) [[likely]]
                return end(thread, vcpu);
            if (entered == Entered::MemoryFault) {
                lock_kernel();
                if (!goes_on(thread, vcpu)) [[unlikely]]
                    return;
                if (!B::is_spurious(vcpu)) {
                    B::store(vcpu);
                    return finish(thread, vcpu);
                }
                fpu_switch(vcpu.fpu_area);
                unlock_kernel();
            }
            vcpu.state->exits_in_kernel = ++vcpu.exits_in_kernel;
            if (entered == Entered::HostInterrupt) {
                lock_kernel();
                take_pending_interrupts();
                return;
            }
        }
    }

  private:
    static constexpr auto kFpuGroup = static_cast<std::uint32_t>(abi::RegisterGroup::Fpu);

    [[gnu::noinline]] static void act_upon(Vcpu& vcpu, const Requests& requests) {
        vcpu.state->dirty = 0;
        vcpu.seen = {requests.control(), requests.exceptions_and_interruptibility};
        if ((requests.dirty() & kFpuGroup) != 0) load_fpu(vcpu);
        B::act_upon(vcpu, requests);
    }

    /// While this processor waited for the lock, another one may have stopped the thread or ended
    /// the VM, and both may be gone.
    static bool goes_on(const Thread& thread, const Vcpu& vcpu) {
        return current_thread() == &thread && thread.vcpu == &vcpu;
    }

    /// Ends a run whose exit record is filled. Only a run that took the page's values has some to
    /// give back.
    static void end(Thread& thread, Vcpu& vcpu) {
        if (vcpu.entered) [[likely]]
            B::store(vcpu);
        lock_kernel();
        if (goes_on(thread, vcpu)) [[likely]]
            finish(thread, vcpu);
    }

    /// With the lock.
    static void finish(Thread& thread, Vcpu& vcpu) {
        abi::VcpuState& state = *vcpu.state;
        ++vcpu.exits[static_cast<std::uint32_t>(state.exit.kind) % Vcpu::kExitKinds];
        ++state.exits_total;
        vcpu.entered = false;
        vcpu.runner = nullptr;
        thread_end_run(thread, abi::Error::Ok);
        fpu_switch(thread.context.fpu_area);
    }

    [[gnu::cold, gnu::noinline]] static void record(Vcpu& vcpu, abi::ExitKind kind) {
        vcpu.state->exit = abi::Exit{};
        vcpu.state->exit.kind = kind;
    }
};

}  // namespace redoubt::kernel::hv
