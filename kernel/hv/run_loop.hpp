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

template <HypervisorBackend B, Processors kProcessors>
class Run {
  public:
    /// With the kernel lock where there are several processors.
    [[gnu::flatten]] static void resume(Thread& thread) {
        Vcpu* const runs = thread.vcpu;
        if (!runs->entered && !begin(thread, *runs)) [[unlikely]]
            return;
        fpu_switch(runs->fpu_area);
        unlock();
        for (;;) {
            // Addresses in it are not worth keeping: a world switch spares hardly a register.
            Vcpu* forgotten = runs;
            asm("" : "+r"(forgotten));
            Vcpu& vcpu = *forgotten;
            if (vcpu.kicked.load(std::memory_order_relaxed)) [[unlikely]]
                return end(thread, vcpu, abi::ExitKind::Interrupted);
            const std::uint64_t now = ticks_now();
            if (now >= vcpu.deadline) [[unlikely]]
                return end(thread, vcpu, abi::ExitKind::Deadline);
            vcpu.state().guest_ticks -= now;
            const Entered entered = B::enter(vcpu);
            vcpu.state().guest_ticks += ticks_now();
            if (entered == Entered::ToMonitor) [[likely]]
                return end(thread, vcpu);
            if (entered != Entered::Resume) {
                lock();
                if (!goes_on(thread, vcpu)) [[unlikely]]
                    return;
                if (!dealt_with(vcpu, entered)) return give_back(thread, vcpu);
            }
            vcpu.state().exits_in_kernel = ++vcpu.exits_in_kernel;
            if (entered == Entered::Resume) continue;
            // An interrupt or a doorbell may have woken somebody.
            if (entered == Entered::HostInterrupt || scheduler().reschedule) return;
            fpu_switch(vcpu.fpu_area);
            unlock();
        }
    }

  private:
    static constexpr bool kLocks = kProcessors == Processors::Several;
    static void lock() {
        if constexpr (kLocks) lock_kernel();
    }
    static void unlock() {
        if constexpr (kLocks) unlock_kernel();
    }

    /// Takes what a run begins with from the state page. False: that ended it.
    static bool begin(Thread& thread, Vcpu& vcpu) {
        const Requests requests = Requests::of(vcpu.state());
        if (requests == vcpu.seen) [[likely]] {
            B::load(vcpu);
        } else if ((requests.control() & abi::kExitAtOnce) != 0) {
            record(vcpu, abi::ExitKind::Interrupted);
            finish(thread, vcpu);
            return false;
        } else {
            act_upon(vcpu, requests);
        }
        if (vcpu.state().inject != 0 && !B::take_event(vcpu)) [[unlikely]] {
            finish(thread, vcpu);
            return false;
        }
        vcpu.entered = true;
        return true;
    }

    static constexpr auto kFpuGroup = static_cast<std::uint32_t>(abi::RegisterGroup::Fpu);

    [[gnu::noinline]] static void act_upon(Vcpu& vcpu, Requests requests) {
        B::load(vcpu);
        vcpu.state().dirty = 0;
        vcpu.seen = {requests.control(), requests.exceptions_and_interruptibility};
        if ((requests.dirty() & kFpuGroup) != 0) load_fpu(vcpu);
        B::act_upon(vcpu, requests);
    }

    /// While this processor waited for the lock, another one may have stopped the thread or ended
    /// the VM, and both may be gone.
    static bool goes_on(const Thread& thread, const Vcpu& vcpu) {
        return !kLocks || (current_thread() == &thread && thread.vcpu == &vcpu);
    }

    /// With the lock: must the monitor not hear of it?
    static bool dealt_with(Vcpu& vcpu, Entered entered) {
        if (entered == Entered::Doorbell) return B::ring_doorbell(vcpu);
        if (entered == Entered::MemoryFault) return B::is_spurious(vcpu);
        take_pending_interrupts();
        return true;
    }

    /// Ends a run whose exit record is filled. One that cannot go on is as if it had not come so
    /// far: when its thread runs again, the guest does what made it exit again.
    static void end(Thread& thread, Vcpu& vcpu) {
        lock();
        if (goes_on(thread, vcpu)) [[likely]]
            give_back(thread, vcpu);
    }

    [[gnu::cold, gnu::noinline]] static void end(Thread& thread, Vcpu& vcpu, abi::ExitKind kind) {
        lock();
        if (!goes_on(thread, vcpu)) return;
        if (kind == abi::ExitKind::Interrupted) vcpu.kicked = false;
        record(vcpu, kind);
        give_back(thread, vcpu);
    }

    /// With the lock. Only a run that took the page's values has some to give back.
    static void give_back(Thread& thread, Vcpu& vcpu) {
        if (vcpu.entered) [[likely]]
            B::store(vcpu);
        finish(thread, vcpu);
        // The guest's is loaded, or nothing if the processor was made to wait.
        fpu_switch(thread.context.fpu_area);
    }

    /// With the lock.
    static void finish(Thread& thread, Vcpu& vcpu) {
        abi::VcpuState& state = vcpu.state();
        ++vcpu.exits[static_cast<std::uint32_t>(state.exit.kind) % Vcpu::kExitKinds];
        ++state.exits_total;
        vcpu.entered = false;
        vcpu.runner = nullptr;
        thread_end_run(thread, abi::Error::Ok);
    }

    [[gnu::cold, gnu::noinline]] static void record(Vcpu& vcpu, abi::ExitKind kind) {
        vcpu.state().exit = abi::Exit{};
        vcpu.state().exit.kind = kind;
    }
};

}  // namespace redoubt::kernel::hv
