// Breakpoints and steps of one vCPU.
#include "arch/vcpu_debug.hpp"

#include <array>

#include "vmmd/arch/riscv64/debug/step_patches.hpp"
#include "vmmd/arch/riscv64/debug/step_plan.hpp"
#include "vmmd/device.hpp"
#include "vmmd/linear_memory.hpp"

namespace redoubt::vmmd {

namespace {

using gdb::Stop;

constexpr std::uint32_t kBreakpointCause = 3;
constexpr std::uint32_t kEbreak = 0x0010'0073, kShortEbreak = 0x9002;

bool is_breakpoint(std::uint32_t instruction) {
    return instruction == kEbreak || (instruction & 0xFFFF) == kShortEbreak;
}

}  // namespace

VcpuDebug::VcpuDebug(unsigned index, const ExitContext& context, ExitRouter& router)
    : index_(index),
      state_(context.vcpu.state()),
      memory_(context.memory),
      patches_(context.step_patches),
      router_(router) {}

void VcpuDebug::attach(DebugListener& listener, const SoftwareBreakpoints& breakpoints) {
    listener_ = &listener;
    software_ = &breakpoints;
    state_.exception_exits = 1U << kBreakpointCause;
}

void VcpuDebug::detach() {
    listener_ = nullptr;
    software_ = nullptr;
    step_ = false;
    state_.exception_exits = 0;
}

void VcpuDebug::before_entry() {
    state_.exception_exits = 1U << kBreakpointCause;
    if (step_) plan();
}

void VcpuDebug::plan() {
    stepped_ = state_.pc;
    std::array<std::uint8_t, 4> bytes{};
    if (isa::inspect(state_, memory_, state_.pc, bytes) < 2) return;  // its fault comes first
    const auto plan = plan_step(state_, static_cast<std::uint32_t>(load_little_endian(bytes)));
    for (unsigned i = 0; i < plan.count; ++i) {
        const auto memory = isa::memory_at(state_, memory_, plan.targets[i], StepPatches::kBytes);
        if (memory.size() < StepPatches::kBytes) continue;  // the guest will fault there
        const auto at = *isa::physical_address(state_, memory_, plan.targets[i]);
        if (software_->contains(at)) continue;
        patches_.insert(at, memory.first<StepPatches::kBytes>());
        targets_.push_back(at);
    }
}

void VcpuDebug::forget_plan() {
    for (const auto at : targets_) patches_.remove(at);
    targets_.clear();
}

bool VcpuDebug::after_exit() {
    const bool at_breakpoint =
        state_.exit.kind == abi::ExitKind::Exception && state_.exit.detail == kBreakpointCause;
    if (!at_breakpoint) {
        forget_plan();
        return false;
    }
    const auto at = isa::physical_address(state_, memory_, state_.pc);
    bool reached = false;
    for (const auto target : targets_) reached = reached || target == at;
    forget_plan();
    if (reached) {
        report(Stop::Reason::Step);
        return true;
    }
    if (at && software_->contains(*at)) {
        report(Stop::Reason::SoftwareBreakpoint);
        return true;
    }
    std::array<std::uint8_t, 4> bytes{};
    isa::inspect(state_, memory_, state_.pc, bytes);
    const bool others = at && patches_.contains(*at);
    if (others || !is_breakpoint(static_cast<std::uint32_t>(load_little_endian(bytes)))) {
        return true;  // another vCPU's step: once more, when it is over
    }
    router_.raise(kBreakpointCause, state_.pc);
    return true;
}

void VcpuDebug::after_emulation() {
    if (step_ && state_.pc != stepped_) report(Stop::Reason::Step);
}

void VcpuDebug::crashed(const std::string& reason) {
    listener_->vcpu_stopped({index_, Stop::Reason::Crash, 0, "the guest cannot go on: " + reason});
}

void VcpuDebug::report(Stop::Reason reason) {
    step_ = false;
    listener_->vcpu_stopped({index_, reason, 0, {}});
}

}  // namespace redoubt::vmmd
