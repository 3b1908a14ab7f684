// Breakpoints and steps of one vCPU.
#include "arch/vcpu_debug.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "vmmd/arch/x86_64/debug/step_plan.hpp"
#include "vmmd/arch/x86_64/isa/code_mode.hpp"
#include "vmmd/arch/x86_64/isa/interrupt_gate.hpp"
#include "vmmd/arch/x86_64/isa/paging.hpp"
#include "vmmd/linear_memory.hpp"

namespace redoubt::vmmd {

namespace {

using abi::EventInjection;
using gdb::BreakpointKind;
using gdb::Stop;

constexpr unsigned kDebugVector = 1, kBreakpointVector = 3, kPageFaultVector = 14;
/// Exceptions that a stepped instruction may cause: all but NMI and machine check.
constexpr std::uint32_t kFaults = 0xFFFF'FFFF & ~(1U << 2 | 1U << 18);
/// #DF, #TS, #NP, #SS, #GP, #PF, #AC.
constexpr std::uint32_t kWithErrorCode = 0x0002'7D00;
constexpr std::uint64_t kDr6SingleStep = 1U << 14;
constexpr std::uint8_t kTrapFlagByte = 1;  // RFLAGS.TF is bit 0 of the second byte
constexpr unsigned kDefaultBig = 1U << 10;

/// DR7's bits for one breakpoint: enabled globally, R/W, LEN.
std::uint64_t dr7_bits(unsigned slot, const gdb::Breakpoint& breakpoint) {
    std::uint64_t type = 0, length = 0;
    if (breakpoint.kind == BreakpointKind::WatchWrite) type = 1;
    if (breakpoint.kind == BreakpointKind::WatchAccess) type = 3;
    if (type != 0) length = breakpoint.bytes == 8 ? 2 : breakpoint.bytes - 1;
    return std::uint64_t{2} << (2 * slot) | (type | length << 2) << (16 + 4 * slot);
}

}  // namespace

VcpuDebug::VcpuDebug(unsigned index, const ExitContext& context, ExitRouter& router)
    : index_(index),
      vcpu_(context.vcpu),
      state_(context.vcpu.state()),
      memory_(context.memory),
      registers_(router.debug_registers()) {}

// -- the debugger

void VcpuDebug::attach(DebugListener& listener, const SoftwareBreakpoints& breakpoints) {
    listener_ = &listener;
    software_ = &breakpoints;
}

void VcpuDebug::detach() {
    listener_ = nullptr;
    software_ = nullptr;
    hardware_.clear();
    step_ = false;
    loaded_.reset();
    registers_.give_back();
    state_.exception_exits = 0;
}

bool VcpuDebug::insert(const gdb::Breakpoint& breakpoint) {
    const auto bytes = breakpoint.bytes;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return false;
    if (breakpoint.address % bytes != 0) return false;
    if (std::ranges::find(hardware_, breakpoint) != hardware_.end()) return true;
    if (hardware_.size() == kSlots) return false;
    hardware_.push_back(breakpoint);
    return true;
}

void VcpuDebug::remove(const gdb::Breakpoint& breakpoint) { std::erase(hardware_, breakpoint); }

// -- before an entry

void VcpuDebug::before_entry() {
    state_.exception_exits = 1U << kDebugVector;
    if (!software_->empty()) state_.exception_exits |= 1U << kBreakpointVector;
    single_step_ = pushes_flags_ = false;
    target_.reset();
    if (step_) plan_step();
    load_breakpoints();
}

/// The guest shall not see the TF of a step: not in an interrupt's frame, nor anywhere else. So
/// what replaces and saves RFLAGS is left without, and stops at a breakpoint where it leads to.
void VcpuDebug::plan_step() {
    if ((state_.inject & EventInjection::kValid) != 0) {
        return aim_at_handler(static_cast<unsigned>(state_.inject & 0xFF));
    }
    state_.exception_exits |= kFaults;
    std::array<std::uint8_t, 15> buffer{};
    const auto size = isa::inspect(state_, memory_, isa::code_address(state_), buffer);
    const auto plan = vmmd::plan_step(std::span(buffer).first(size), isa::code_mode(state_));
    switch (plan.kind) {
        case StepPlan::Kind::SoftwareInterrupt:
            inject_software(plan.vector, plan.length);
            return aim_at_handler(plan.vector);
        case StepPlan::Kind::SystemCall:
            if (!isa::in_long_mode(state_)) break;
            fetch(abi::RegisterGroup::SystemMsrs);
            return aim(isa::in_64bit_mode(state_) ? state_.lstar : state_.cstar);
        case StepPlan::Kind::SystemReturn:
            return aim(state_.gpr[abi::kRcx]);
        case StepPlan::Kind::PushFlags:
            pushes_flags_ = true;
            break;
        case StepPlan::Kind::Plain:
            break;
    }
    single_step_ = true;
    state_.control |= abi::kSingleStep;
}

void VcpuDebug::aim_at_handler(unsigned vector) {
    // What happens while it is being delivered is not the stepped instruction's.
    state_.exception_exits &= ~kFaults | 1U << kDebugVector;
    fetch(abi::RegisterGroup::Segments);
    aim(isa::handler_address(state_, memory_, vector));
}

void VcpuDebug::aim(std::optional<std::uint64_t> address) {
    target_ = address;
    if (target_) return;
    // The guest's own tables lead nowhere. TF stops it wherever it comes out.
    single_step_ = true;
    state_.control |= abi::kSingleStep;
}

void VcpuDebug::load_breakpoints() {
    if (hardware_.empty() && !step_) {
        loaded_.reset();
        return registers_.give_back();
    }
    DebugRegisters::Values values;
    for (unsigned slot = 0; slot < hardware_.size(); ++slot) {
        values.addresses[slot] = hardware_[slot].address;
        values.dr7 |= dr7_bits(slot, hardware_[slot]);
    }
    if (target_) {
        // If all are in use, the last one waits: nothing but this one instruction is executed.
        target_slot_ = std::min<unsigned>(static_cast<unsigned>(hardware_.size()), kSlots - 1);
        values.addresses[target_slot_] = *target_;
        values.dr7 &= ~(std::uint64_t{3} << (2 * target_slot_) | std::uint64_t{15}
                                                                     << (16 + 4 * target_slot_));
        values.dr7 |= dr7_bits(target_slot_, {BreakpointKind::Hardware, *target_, 1});
    }
    // Again after an exception, whose DR6 must go.
    if (std::exchange(loaded_, values) != values) registers_.borrow(values);
}

// -- after an exit

bool VcpuDebug::after_exit() {
    const auto& exit = state_.exit;
    // It is asked for anew before each entry; nobody else shall see it.
    state_.control &= ~abi::kSingleStep;
    switch (exit.kind) {
        case abi::ExitKind::Debug:
            if (exit.detail == kDebugVector) {
                debug_exception(exit.info1);
            } else {
                software_interrupt();
            }
            return true;
        case abi::ExitKind::Exception:
            inject_exception();
            return true;
        case abi::ExitKind::Instruction:
            if (exit.detail !=
                static_cast<std::uint32_t>(abi::InterceptedInstruction::SoftwareInterrupt)) {
                return false;
            }
            software_interrupt();
            return true;
        default:
            return false;
    }
}

void VcpuDebug::debug_exception(std::uint64_t dr6) {
    loaded_.reset();
    if (pushes_flags_) unpush_trap_flag();
    const bool at_target = target_ && (dr6 >> target_slot_ & 1) != 0;
    for (unsigned slot = 0; slot < hardware_.size(); ++slot) {
        if ((dr6 >> slot & 1) == 0 || (target_ && slot == target_slot_)) continue;
        const auto& hit = hardware_[slot];
        switch (hit.kind) {
            case BreakpointKind::WatchWrite:
                return report(Stop::Reason::WatchWrite, hit.address);
            case BreakpointKind::WatchAccess:
                return report(Stop::Reason::WatchAccess, hit.address);
            default:
                return report(Stop::Reason::HardwareBreakpoint);
        }
    }
    if (at_target || (single_step_ && (dr6 & kDr6SingleStep) != 0)) {
        return report(Stop::Reason::Step);
    }
    registers_.note_exception(dr6);
    state_.inject = EventInjection::kValid | EventInjection::kException | kDebugVector;
}

void VcpuDebug::software_interrupt() {
    std::array<std::uint8_t, 15> buffer{};
    const auto rip = isa::code_address(state_);
    const auto size = isa::inspect(state_, memory_, rip, buffer);
    if (size != 0 && buffer[0] == kBreakpointInstruction[0]) {
        const auto physical = isa::translate(state_, memory_, rip, isa::Access::Inspect);
        if (physical && software_->contains(*physical)) {
            return report(Stop::Reason::SoftwareBreakpoint);
        }
    }
    const auto plan = vmmd::plan_step(std::span(buffer).first(size), isa::code_mode(state_));
    if (plan.kind == StepPlan::Kind::SoftwareInterrupt) {
        return inject_software(plan.vector, plan.length);
    }
    constexpr unsigned kOverflowVector = 4;
    inject_software(kOverflowVector, 1);  // INTO is the only other one
}

void VcpuDebug::inject_software(unsigned vector, unsigned length) {
    state_.rip += length;
    // INT3 and INTO are exceptions to the processor (APM vol. 2, 15.20).
    const bool exception = length == 1;
    state_.inject = EventInjection::kValid | vector |
                    (exception ? EventInjection::kException : EventInjection::kSoftwareInterrupt);
}

void VcpuDebug::inject_exception() {
    const auto vector = state_.exit.detail;
    state_.inject = EventInjection::kValid | EventInjection::kException | vector;
    if ((kWithErrorCode >> vector & 1) != 0) {
        state_.inject |= EventInjection::kErrorCodeValid | state_.exit.info1
                                                               << EventInjection::kErrorCodeShift;
    }
    if (vector == kPageFaultVector) {
        state_.cr2 = state_.exit.info2;
        hvcall::mark_dirty(state_, abi::RegisterGroup::Control);
    }
}

void VcpuDebug::unpush_trap_flag() {
    std::uint64_t top = state_.gpr[abi::kRsp] + 1;
    if (!isa::in_64bit_mode(state_)) {
        fetch(abi::RegisterGroup::Segments);
        const auto& stack = state_.segments[abi::kSs];
        const std::uint64_t mask = (stack.attributes & kDefaultBig) != 0 ? 0xFFFF'FFFF : 0xFFFF;
        top = stack.base + (top & mask);
    }
    const auto byte = isa::memory_at(state_, memory_, top, 1);
    if (!byte.empty()) byte[0] = static_cast<std::uint8_t>(byte[0] & ~kTrapFlagByte);
}

void VcpuDebug::after_emulation() {
    if (!step_) return;
    switch (state_.exit.kind) {
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
        case abi::ExitKind::InterruptWindow:
            return;
        default:
            // An exception of the emulated instruction: the step goes on to its handler.
            if ((state_.inject & EventInjection::kValid) == 0) report(Stop::Reason::Step);
    }
}

void VcpuDebug::crashed(const std::string& reason) {
    listener_->vcpu_stopped({index_, Stop::Reason::Crash, 0, "the guest cannot go on: " + reason});
}

void VcpuDebug::report(Stop::Reason reason, std::uint64_t address) {
    step_ = false;
    listener_->vcpu_stopped({index_, reason, address, {}});
}

void VcpuDebug::fetch(abi::RegisterGroup group) {
    if ((state_.dirty & static_cast<std::uint32_t>(group)) == 0) vcpu_.get_state(group);
}

}  // namespace redoubt::vmmd
