// A run on SVM: the state page's values in, world switches with what the kernel handles itself,
// values out.
#include "kernel/hv/svm/vcpu.hpp"

#include <new>
#include <utility>

#include "arch/fpu.hpp"
#include "arch/msr.hpp"
#include "kernel/hv/svm/debug.hpp"
#include "kernel/hv/svm/detect.hpp"
#include "kernel/hv/svm/exit.hpp"
#include "kernel/hv/svm/inject.hpp"
#include "kernel/hv/svm/long_mode.hpp"
#include "kernel/hv/svm/registers.hpp"
#include "kernel/hv/svm/stage2.hpp"
#include "kernel/hv/svm/svm.hpp"
#include "kernel/hv/svm/switch.hpp"
#include "kernel/hv/x86_64/ring.hpp"

namespace redoubt::kernel::svm {
namespace {

using abi::RegisterGroup;
using abi::VcpuState;

constexpr std::uint32_t kMsrTscAux = 0xC000'0103;
constexpr std::uint64_t kCr4Osxsave = 1ULL << 18;
constexpr std::uint64_t kTrapFlag = 1ULL << 8;

constexpr bool has(std::uint32_t groups, RegisterGroup group) {
    return (groups & static_cast<std::uint32_t>(group)) != 0;
}

void set_nmi_blocked(SvmVcpu& vcpu, bool blocked) {
    vcpu.nmi_blocked = blocked ? abi::kNmiBlocked : 0;
    auto& intercepts = vcpu.vmcb.control.intercepts1;
    intercepts = blocked ? intercepts | Intercept1::kIret : intercepts & ~Intercept1::kIret;
}

/// An ASID under which no stale translation is cached (APM vol. 2, 15.15.2). There may be as few as
/// 16: when they are used up the whole TLB is flushed and everybody takes a new one.
inline void assign_asid(SvmVcpu& vcpu, Processor& processor) {
    VmcbControlArea& control = vcpu.vmcb.control;
    control.tlb_control = TlbControl::None;
    const bool is_here = vcpu.asid_generation == processor.asid_generation;
    const std::uint64_t generation = vcpu.vm->generation;
    if (is_here && vcpu.vm_generation == generation) [[likely]]
        return;
    vcpu.vm_generation = generation;
    if (is_here && vcpu.flush_generation == vcpu.vm->flush_generation) return;
    if (processor.next_asid >= features().asids) {
        ++processor.asid_generation;
        processor.next_asid = 1;
        control.tlb_control = TlbControl::FlushAll;
    }
    control.asid = processor.next_asid++;
    vcpu.asid_generation = processor.asid_generation;
    vcpu.flush_generation = vcpu.vm->flush_generation;
}

/// XCR0 matters only with CR4.OSXSAVE, whose first writing is intercepted.
bool switches_xcr0(const SvmVcpu& vcpu) { return vcpu.xcr0_live && vcpu.xcr0 != fpu_features(); }

void make_xcr0_live(SvmVcpu& vcpu) {
    vcpu.cr4_watched = false;
    vcpu.xcr0_live = fpu_features() != 0;
}

/// What the VMCB does not hold and few guests set differently from the host.
[[gnu::noinline]] void exchange_before(SvmVcpu& vcpu) {
    if (vcpu.breakpoints) load_debug_registers(vcpu);
    if (vcpu.tsc_aux != 0 && features().rdtscp) write_msr(kMsrTscAux, vcpu.tsc_aux);
    if (switches_xcr0(vcpu)) write_xcr0(vcpu.xcr0);
}

bool wants_interrupt_window(const SvmVcpu& vcpu) {
    return (vcpu.vmcb.control.intercepts1 & Intercept1::kVintr) != 0;
}

/// VMRUN with a virtual interrupt pending: QEMU 7.2 notes that without a lock and may so forget
/// that the local APIC has an interrupt for the host, until that is looked at again, as here.
void ask_for_interrupts() { asm volatile("movq %0, %%cr8" : : "r"(std::uint64_t{0}) : "memory"); }

/// TSC_AUX is 0 outside of guests that use it.
[[gnu::noinline]] void exchange_after(SvmVcpu& vcpu) {
    if (wants_interrupt_window(vcpu)) ask_for_interrupts();
    if (vcpu.breakpoints) unload_debug_registers();
    if (vcpu.tsc_aux != 0 && features().rdtscp) write_msr(kMsrTscAux, 0);
}

void find_exchanges(SvmVcpu& vcpu) {
    vcpu.needs_exchange = vcpu.breakpoints || vcpu.tsc_aux != 0 || switches_xcr0(vcpu) ||
                          wants_interrupt_window(vcpu);
}

/// Makes XCR0 the host's again. XSETBV is intercepted, but QEMU 7.2 lets it through; what the guest
/// has written is its own XCR0 from then on.
void recover_xcr0(SvmVcpu& vcpu) {
    const std::uint64_t left = read_xcr0();
    if (left != vcpu.xcr0) [[unlikely]] {
        vcpu.xcr0 = left;
        find_exchanges(vcpu);
    }
    if (left != fpu_features()) [[unlikely]]
        write_xcr0(fpu_features());
}

[[gnu::noinline]] void load_groups(SvmVcpu& vcpu, std::uint32_t groups) {
    const VcpuState& state = vcpu.state();
    if (has(groups, RegisterGroup::Control)) {
        // An ASID's cached translations depend on these, which change behind the processor's back.
        if (load_control_group(vcpu.vmcb, state)) vcpu.asid_generation = 0;
    }
    if (has(groups, RegisterGroup::Segments)) load_segments(vcpu.vmcb, state);
    if (has(groups, RegisterGroup::SystemMsrs)) load_system_msrs(vcpu.vmcb, state);
    if (has(groups, RegisterGroup::Debug)) {
        load_debug_group(vcpu.vmcb, state);
        set_debug_registers(vcpu, state.dr);
    }
    if (has(groups, RegisterGroup::Tsc)) {
        vcpu.vmcb.control.tsc_offset = state.tsc_offset;
        vcpu.tsc_aux = state.tsc_aux & 0xFFFF'FFFF;
    }
    if ((vcpu.vmcb.save.cr4 & kCr4Osxsave) != 0) make_xcr0_live(vcpu);
    if (has(groups, RegisterGroup::Control))
        follow_control_load(vcpu.vmcb, vcpu.lme_hidden, vcpu.cr4_watched);
}

/// As if the processor had refused the entry.
[[gnu::cold]] bool refuse(SvmVcpu& vcpu, std::uint64_t code) {
    vcpu.state().exit = abi::Exit{};
    vcpu.state().exit.kind = abi::ExitKind::EntryFailure;
    vcpu.state().exit.info1 = code;
    return false;
}

/// An instruction that the kernel executed for the guest. One that traps is left to the monitor.
bool may_skip(const SvmVcpu& vcpu) { return (vcpu.vmcb.save.rflags & kTrapFlag) == 0; }
void skip_to(SvmVcpu& vcpu, std::uint64_t next_rip) {
    vcpu.vmcb.save.rip = next_rip;
    vcpu.vmcb.control.interrupt_shadow = 0;
}

bool answer_cpuid(SvmVcpu& vcpu) {
    VmcbStateSaveArea& save = vcpu.vmcb.save;
    std::uint64_t* gpr = vcpu.state().gpr;
    if (vcpu.cpuid.empty() || !may_skip(vcpu)) return false;
    const auto* answer = vcpu.cpuid.find(static_cast<std::uint32_t>(save.rax),
                                         static_cast<std::uint32_t>(gpr[abi::kRcx]));
    if (answer == nullptr) return false;
    save.rax = answer->eax;
    gpr[abi::kRbx] = answer->ebx;
    gpr[abi::kRdx] = answer->edx;
    std::uint32_t ecx = answer->ecx;
    if ((answer->flags & abi::hv::CpuidEntry::kShowsOsxsave) != 0) {
        constexpr std::uint32_t kEcxOsxsave = 1U << 27;
        ecx = (save.cr4 & kCr4Osxsave) != 0 ? ecx | kEcxOsxsave : ecx & ~kEcxOsxsave;
    }
    gpr[abi::kRcx] = ecx;
    skip_to(vcpu, next_rip_of_cpuid(vcpu.vmcb, vcpu.decode));
    return true;
}

/// What the exit asks of the kernel.
[[gnu::noinline]] hv::Entered act(SvmVcpu& vcpu, ExitAction action) {
    VmcbControlArea& control = vcpu.vmcb.control;
    switch (action) {
        case ExitAction::ToMonitor:
        case ExitAction::NestedFault:
            return hv::Entered::ToMonitor;
        case ExitAction::Refused:
            // QEMU 7.2 has stored the host's registers as if it had been in the guest, and zeroed
            // the interrupt control. Nobody may see the former: what the monitor loads next
            // replaces the state after RESET.
            initialize_state(vcpu.vmcb.save);
            control.interrupt_control = InterruptControl::kMasking;
            vcpu.lme_hidden = false;
            control.event_injection = 0;
            vcpu.seen.forget();
            vcpu.entered = false;
            return hv::Entered::ToMonitor;
        case ExitAction::HostInterrupt:
            return hv::Entered::HostInterrupt;
        case ExitAction::MachineCheck:
            asm volatile("int $18");
            return hv::Entered::Resume;
        case ExitAction::Reflect:
            control.event_injection = reflected_exception(control);
            return hv::Entered::Resume;
        case ExitAction::ExtendedControl:
            make_xcr0_live(vcpu);
            follow_cr4_write(vcpu.vmcb, vcpu.lme_hidden, vcpu.cr4_watched);
            find_exchanges(vcpu);
            return hv::Entered::Resume;
        case ExitAction::PagingControl:
            follow_cr0_write(vcpu.vmcb, vcpu.lme_hidden, vcpu.cr4_watched);
            return hv::Entered::Resume;
        case ExitAction::InterruptReturn:
            // Unblocked one instruction early: an NMI may nest on the frame that IRET is about to
            // leave.
            set_nmi_blocked(vcpu, false);
            return hv::Entered::Resume;
        case ExitAction::Resume:
            break;
    }
    return hv::Entered::Resume;
}

}  // namespace

Vcpu* create_vcpu(PhysicalAddress memory, Vm& vm, unsigned index) {
    auto* vcpu = new (direct_map<void>(memory)) SvmVcpu{memory, vm, index};
    vcpu->vmcb_address = (memory + Vcpu::kControlBlockOffset).value();
    vcpu->decode = {.next_rip_saved = features().next_rip_save,
                    .decode_assists = features().decode_assists,
                    .single_step = false,
                    .exception_exits = 0};
    find_exchanges(*vcpu);
    initialize_control(vcpu->vmcb, vm.root, io_map(), msr_map());
    VcpuState& state = vcpu->state();
    state.gpr[abi::kRdx] = cpuid(1).eax;  // the processor's signature, as after RESET
    store(*vcpu);
    store_groups(*vcpu, static_cast<std::uint32_t>(RegisterGroup::All));
    return vcpu;
}

void load(Vcpu& base) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    load_program_state(vcpu.vmcb, vcpu.state());
}

void act_upon(Vcpu& base, const Requests& requests) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    VmcbControlArea& control = vcpu.vmcb.control;
    if (requests.dirty() != 0) load_groups(vcpu, requests.dirty());
    vcpu.decode.exception_exits = requests.exception_exits();
    control.exceptions = requests.exception_exits() | kForcedExceptions;
    // QEMU 7.2 looks at this one, not at #BP's, when INT3 is executed.
    const bool breakpoints = (requests.exception_exits() >> kBreakpointVector & 1) != 0;
    control.intercepts1 = (control.intercepts1 & ~Intercept1::kSoftwareInterrupt) |
                          (breakpoints ? Intercept1::kSoftwareInterrupt : 0);
    control.interrupt_shadow = requests.interruptibility() & abi::kInterruptShadow;
    set_nmi_blocked(vcpu, (requests.interruptibility() & abi::kNmiBlocked) != 0);
    set_interrupt_window(control, (requests.control() & abi::kRequestInterruptWindow) != 0);
    find_exchanges(vcpu);
    vcpu.decode.single_step = (requests.control() & abi::kSingleStep) != 0;
    if (vcpu.decode.single_step) vcpu.vmcb.save.rflags |= kTrapFlag;
}

bool take_event(Vcpu& base) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    const std::uint64_t event = vcpu.state().inject;
    if ((event & abi::EventInjection::kValid) != 0) {
        if (!is_valid_injection(event)) [[unlikely]]
            return refuse(vcpu, event);
        vcpu.vmcb.control.event_injection = event;
        if (is_nmi(event)) set_nmi_blocked(vcpu, true);
    }
    vcpu.state().inject = 0;
    return true;
}

hv::Entered enter(Vcpu& base) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    Processor& processor = this_processor();
    VmcbControlArea& control = vcpu.vmcb.control;
    assign_asid(vcpu, processor);
    if (vcpu.needs_exchange) [[unlikely]]
        exchange_before(vcpu);
    world_switch(vcpu.state().gpr, vcpu.vmcb_address, processor.host_state_address);
    if (vcpu.needs_exchange) [[unlikely]]
        exchange_after(vcpu);
    if (vcpu.xcr0_live) recover_xcr0(vcpu);

    control.event_injection = 0;
    if (was_interrupted(control.exit_interrupt_info)) [[unlikely]]
        control.event_injection = interrupted_event(control.exit_interrupt_info);
    abi::Exit& exit = vcpu.state().exit;
    if (control.exit_code == ExitCode::Ioio) {
        decode_port_io(control, exit);
        return vcpu.vm->doorbells.empty() ? hv::Entered::ToMonitor : hv::Entered::Doorbell;
    }
    if (control.exit_code == ExitCode::NestedPageFault) {
        decode_nested_fault(control, vcpu.decode, exit);
        // Where nothing was mapped since the entry it is what it seems to be.
        return vcpu.vm->generation == vcpu.vm_generation ? hv::Entered::ToMonitor
                                                         : hv::Entered::MemoryFault;
    }
    if (control.exit_code == ExitCode::Cpuid && answer_cpuid(vcpu)) return hv::Entered::Resume;
    const ExitAction action = decode_other_exit(vcpu.vmcb, vcpu.decode, exit);
    if (action == ExitAction::ToMonitor) [[likely]]
        return hv::Entered::ToMonitor;
    return act(vcpu, action);
}

bool ring_doorbell(Vcpu& base) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    if (!may_skip(vcpu) || !hv::ring(vcpu.vm->doorbells, vcpu.state().exit, vcpu.vmcb.save.rax))
        return false;
    skip_to(vcpu, vcpu.vmcb.control.exit_info2);
    return true;
}

/// An event that has not arrived goes back to the page.
[[gnu::noinline]] void give_event_back(SvmVcpu& vcpu) {
    vcpu.state().inject = std::exchange(vcpu.vmcb.control.event_injection, 0);
    if (is_nmi(vcpu.state().inject)) set_nmi_blocked(vcpu, false);
}

bool is_spurious(const Vcpu& vcpu) { return Stage2::permits(*vcpu.vm, vcpu.state().exit); }

void store(Vcpu& base) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    VcpuState& state = vcpu.state();
    if (vcpu.decode.single_step) [[unlikely]] {
        vcpu.vmcb.save.rflags &= ~kTrapFlag;
        vcpu.seen.forget();
    }
    store_always(vcpu.vmcb, state);
    if (vcpu.lme_hidden) [[unlikely]]
        state.efer |= kEferLme;
    if (vcpu.vmcb.control.event_injection != 0) [[unlikely]]
        give_event_back(vcpu);
    const auto shadow = static_cast<std::uint32_t>(vcpu.vmcb.control.interrupt_shadow);
    const std::uint32_t interruptibility = (shadow & abi::kInterruptShadow) | vcpu.nmi_blocked;
    state.interruptibility = interruptibility;
    vcpu.seen.set_interruptibility(interruptibility);
}

void store_groups(Vcpu& base, std::uint32_t groups) {
    auto& vcpu = static_cast<SvmVcpu&>(base);
    VcpuState& state = vcpu.state();
    if (has(groups, RegisterGroup::Segments)) store_segments(vcpu.vmcb, state);
    if (has(groups, RegisterGroup::SystemMsrs)) store_system_msrs(vcpu.vmcb, state);
    if (has(groups, RegisterGroup::Debug)) {
        for (unsigned i = 0; i < 4; ++i) state.dr[i] = vcpu.debug_registers[i];
        state.dr6 = vcpu.vmcb.save.dr6;
        state.dr7 = vcpu.vmcb.save.dr7;
    }
    if (has(groups, RegisterGroup::Tsc)) {
        state.tsc_offset = vcpu.vmcb.control.tsc_offset;
        state.tsc_aux = vcpu.tsc_aux;
    }
}

}  // namespace redoubt::kernel::svm

namespace redoubt::kernel::hv {
template class Run<svm::Svm, Processors::One>;
template class Run<svm::Svm, Processors::Several>;
}  // namespace redoubt::kernel::hv
