// vCPUs: begin and end of a run, control, and their own end.
#include "kernel/hv/vcpu.hpp"

#include "arch/fpu.hpp"
#include "kernel/hv/backend.hpp"
#include "kernel/hv/fpu_state.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/hv/start.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/remote.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

Vcpu::Vcpu(PhysicalAddress block, Vm& owner, unsigned vcpu_index)
    : ObjectHeader{abi::ObjectType::Vcpu},
      memory{block},
      vm{&owner},
      next_vcpu{owner.first_vcpu},
      fpu_area{direct_map<void>(block + kFpuAreaOffset)},
      index{vcpu_index} {
    owner.first_vcpu = this;
    state().deadline = abi::kNever;
    hv::initialize_fpu(*this);
}

namespace hv {

constexpr auto kFpuGroup = static_cast<std::uint32_t>(abi::RegisterGroup::Fpu);

abi::Error vcpu_run(Thread& thread, Vcpu& vcpu) {
    if (vcpu.vm == nullptr) return abi::Error::Cancelled;
    if (!may_start(vcpu)) return abi::Error::InvalidState;
    const std::uint64_t deadline = vcpu.state().deadline;
    start(thread, vcpu, deadline);
    if (is_timely(scheduler(), deadline)) backend->resume(thread);
    return kNoStatus;
}

void resume_guest(Thread& thread) { backend->resume(thread); }

std::uint64_t run_deadline(const Vcpu& vcpu) { return vcpu.deadline; }

void abandon_run(Thread& thread) {
    Vcpu& vcpu = *thread.vcpu;
    if (vcpu.entered) backend->store(vcpu);
    vcpu.entered = false;
    vcpu.runner = nullptr;
    thread.vcpu = nullptr;
}

Result<void> vcpu_control(Vcpu& vcpu, std::uint64_t operation, std::uint64_t groups) {
    switch (static_cast<abi::VcpuOperation>(operation)) {
        case abi::VcpuOperation::Kick:
            vcpu.kicked = true;
            if (vcpu.runner != nullptr && runs_elsewhere(*vcpu.runner))
                interrupt_processor(vcpu.runner->processor);
            return {};
        case abi::VcpuOperation::GetState:
            if ((groups & ~static_cast<std::uint64_t>(abi::RegisterGroup::All)) != 0) {
                return abi::Error::InvalidArgument;
            }
            if (vcpu.runner != nullptr) return abi::Error::InvalidState;
            if ((groups & kFpuGroup) != 0) store_fpu(vcpu);
            backend->store_groups(vcpu, static_cast<std::uint32_t>(groups));
            return {};
    }
    return abi::Error::InvalidArgument;
}

void vcpu_detach(Vcpu& vcpu) {
    if (Thread* thread = vcpu.runner; thread != nullptr) {
        // Taken off, so that its call counts as answered: whoever stops it afterwards, while its
        // processor still waits for the lock, must not have it made again.
        scheduler().take_off(*thread);
        abandon_run(*thread);
        thread_end_run(*thread, abi::Error::Cancelled);
        scheduler().wake(*thread);
    }
    if (vcpu.vm == nullptr) return;
    for (Vcpu** link = &vcpu.vm->first_vcpu; *link != nullptr; link = &(*link)->next_vcpu) {
        if (*link == &vcpu) {
            *link = vcpu.next_vcpu;
            break;
        }
    }
    vcpu.vm = nullptr;
    vcpu.next_vcpu = nullptr;
}

void vcpu_destroy(Vcpu& vcpu) {
    vcpu_detach(vcpu);
    fpu_forget(vcpu.fpu_area);
}

const char* vcpu_state(const Vcpu& vcpu) {
    if (!vcpu.ever_ran) return "stopped";
    if (vcpu.runner == nullptr) return "exited";
    return vcpu.runner->state == ThreadState::Running ? "running" : "waiting";
}

std::uint64_t exit_count(const Vcpu& vcpu) {
    std::uint64_t count = vcpu.exits_in_kernel;
    for (const std::uint64_t of_kind : vcpu.exits) count += of_kind;
    return count;
}

Vcpu* find_vcpu(const Vm& vm, std::uint32_t index) {
    for (Vcpu* vcpu = vm.first_vcpu; vcpu != nullptr; vcpu = vcpu->next_vcpu) {
        if (vcpu->index == index) return vcpu;
    }
    return nullptr;
}

}  // namespace hv
}  // namespace redoubt::kernel
