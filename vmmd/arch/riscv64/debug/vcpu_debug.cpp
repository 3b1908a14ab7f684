// Breakpoints and steps of one vCPU.
#include "arch/vcpu_debug.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "vmmd/arch/riscv64/debug/debug_aids.hpp"
#include "vmmd/arch/riscv64/debug/step_plan.hpp"
#include "vmmd/arch/riscv64/debug/translation_change.hpp"
#include "vmmd/arch/riscv64/isa/opcode.hpp"
#include "vmmd/device.hpp"
#include "vmmd/linear_memory.hpp"

namespace redoubt::vmmd {

namespace {

using gdb::BreakpointKind;
using gdb::Stop;

constexpr std::uint32_t kBreakpointCause = 3;
/// Those that an instruction can cause, but for breakpoints and calls.
constexpr std::uint32_t kFaults = 0xB0F7;
constexpr std::uint32_t kEbreak = 0x0010'0073, kShortEbreak = 0x9002;

bool is_breakpoint(std::uint32_t instruction) {
    return instruction == kEbreak || (instruction & 0xFFFF) == kShortEbreak;
}

}  // namespace

VcpuDebug::VcpuDebug(unsigned index, const ExitContext& context, ExitRouter& router)
    : index_(index),
      state_(context.vcpu.state()),
      memory_(context.memory),
      patches_(context.debug_aids->patches),
      watched_(context.debug_aids->watched),
      router_(router) {}

// -- the debugger

void VcpuDebug::attach(DebugListener& listener, const SoftwareBreakpoints& breakpoints) {
    listener_ = &listener;
    software_ = &breakpoints;
    state_.exception_exits = 1U << kBreakpointCause;
}

void VcpuDebug::detach() {
    for (const auto& breakpoint : std::exchange(hardware_, {})) watched_.remove(breakpoint);
    if (lift_) watched_.unlift(lift_->page);
    lift_.reset();
    listener_ = nullptr;
    software_ = nullptr;
    step_ = false;
    stopped_at_.reset();
    state_.exception_exits = 0;
}

bool VcpuDebug::insert(const gdb::Breakpoint& breakpoint) {
    const bool there = std::ranges::find(hardware_, breakpoint) != hardware_.end();
    if (!there && hardware_.size() == kSlots) return false;
    if (breakpoint.kind != BreakpointKind::Hardware) {
        if (!insert_watchpoint(breakpoint)) return false;
    } else if (breakpoint.address % CodePatches::kBytes != 0) {
        return false;  // no instruction is there
    }
    if (!there) hardware_.push_back(breakpoint);
    return true;
}

void VcpuDebug::remove(const gdb::Breakpoint& breakpoint) {
    std::erase(hardware_, breakpoint);
    watched_.remove(breakpoint);
}

// -- before an entry

void VcpuDebug::before_entry() {
    state_.exception_exits = 1U << kBreakpointCause;
    for (const auto& breakpoint : hardware_) {
        if (breakpoint.kind != BreakpointKind::Hardware) continue;
        state_.control |= abi::kTrapTranslation;
        // A step from it executes what is there.
        if (!steps() || breakpoint.address != state_.pc) patch(breakpoint.address, breakpoints_);
    }
    if (steps()) plan();
}

void VcpuDebug::plan() {
    stepped_ = state_.pc;
    if (lift_ && lift_->until && lift_->led_back) return patch(*lift_->until, targets_);
    std::array<std::uint8_t, 4> bytes{};
    if (isa::inspect(state_, memory_, state_.pc, bytes) < 2) return;  // its fault comes first
    const auto instruction = static_cast<std::uint32_t>(load_little_endian(bytes));
    // Instructions of the system may be about interrupts.
    if ((instruction & 0x7F) != isa::kSystem) mask_interrupts();
    const auto plan = plan_step(state_, instruction);
    for (unsigned i = 0; i < plan.count; ++i) patch(plan.targets[i], targets_);
}

void VcpuDebug::patch(std::uint64_t linear, std::vector<std::uint64_t>& into) {
    const auto memory = isa::memory_at(state_, memory_, linear, CodePatches::kBytes);
    if (memory.size() < CodePatches::kBytes) return;  // the guest will fault there
    const auto at = *isa::physical_address(state_, memory_, linear);
    if (software_->contains(at)) return;
    patches_.insert(at, memory.first<CodePatches::kBytes>());
    into.push_back(at);
}

// -- after an exit

VcpuDebug::Hit VcpuDebug::take_patches() {
    auto hit = Hit::None;
    const auto at = isa::physical_address(state_, memory_, state_.pc);
    for (const auto target : breakpoints_) {
        if (target == at) hit = Hit::Breakpoint;
        patches_.remove(target);
    }
    for (const auto target : targets_) {
        if (target == at && hit == Hit::None) hit = Hit::Step;
        patches_.remove(target);
    }
    breakpoints_.clear();
    targets_.clear();
    return hit;
}

bool VcpuDebug::after_exit() {
    state_.control &= ~abi::kTrapTranslation;
    const auto hit = take_patches();
    unmask_interrupts();
    if (stopped_at_ != state_.pc) stopped_at_.reset();
    switch (state_.exit.kind) {
        case abi::ExitKind::Exception:
            return state_.exit.detail == kBreakpointCause ? at_breakpoint(hit) : give_fault();
        case abi::ExitKind::Instruction:
            if (change_of_translation()) return true;
            break;
        case abi::ExitKind::Mmio:
            if (watched_access()) return true;
            break;
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
            if (lift_ && stays_lifted()) return false;
            break;
        default:
            break;
    }
    if (lift_) end_lift();
    return false;
}

bool VcpuDebug::at_breakpoint(Hit hit) {
    if (hit == Hit::Step && lift_) {
        if (goes_on_lifted()) return true;
        const bool was_step = step_;
        end_lift();
        if (was_step && step_) report(Stop::Reason::Step);
        return true;
    }
    if (lift_) end_lift();
    if (hit == Hit::Step) {
        if (step_) report(Stop::Reason::Step);
        return true;
    }
    const auto at = isa::physical_address(state_, memory_, state_.pc);
    if (hit == Hit::Breakpoint) {
        report(Stop::Reason::HardwareBreakpoint);
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
        return true;  // another vCPU's: once more, when it is not there
    }
    router_.raise(kBreakpointCause, state_.pc);
    return true;
}

void VcpuDebug::mask_interrupts() {
    masked_ = std::exchange(state_.vsie, 0);
    state_.exception_exits |= kFaults;
    hvcall::mark_dirty(state_, abi::RegisterGroup::Supervisor);
}

void VcpuDebug::unmask_interrupts() {
    if (!masked_) return;
    state_.vsie = *std::exchange(masked_, std::nullopt);
    hvcall::mark_dirty(state_, abi::RegisterGroup::Supervisor);
}

/// Of the stepped instruction: the step leads to its handler.
bool VcpuDebug::give_fault() {
    if (lift_) end_lift();
    router_.raise(state_.exit.detail, state_.exit.info1);
    if (step_) report(Stop::Reason::Step);
    return true;
}

/// The guest works on its address space, and that is watched because of hardware breakpoints.
bool VcpuDebug::change_of_translation() {
    if (std::ranges::find(hardware_, BreakpointKind::Hardware, &gdb::Breakpoint::kind) ==
        hardware_.end()) {
        return false;
    }
    std::array<std::uint8_t, 4> bytes{};
    if (isa::inspect(state_, memory_, state_.pc, bytes) < bytes.size()) return false;
    if (!change_translation(state_, static_cast<std::uint32_t>(load_little_endian(bytes))))
        return false;
    if (lift_) end_lift();
    executed(bytes.size());
    return true;
}

void VcpuDebug::executed(unsigned length) {
    state_.pc += length;
    if (step_) report(Stop::Reason::Step);
}

void VcpuDebug::after_emulation() {
    if (step_ && state_.pc != stepped_) report(Stop::Reason::Step);
}

void VcpuDebug::crashed(const std::string& reason) {
    listener_->vcpu_stopped({index_, Stop::Reason::Crash, 0, "the guest cannot go on: " + reason});
}

void VcpuDebug::report(Stop::Reason reason, std::uint64_t address) {
    step_ = false;
    stopped_at_ = state_.pc;
    listener_->vcpu_stopped({index_, reason, address, {}});
}

}  // namespace redoubt::vmmd
