// A run on the H-extension: the state page's values in, the world switch, values out.
#include "kernel/hv/hext/vcpu.hpp"

#include <new>

#include "arch/csr.hpp"
#include "arch/fpu_switch.hpp"
#include "arch/timer.hpp"
#include "kernel/hv/hext/control.hpp"
#include "kernel/hv/hext/detect.hpp"
#include "kernel/hv/hext/exit.hpp"
#include "kernel/hv/hext/hext.hpp"
#include "kernel/hv/hext/registers.hpp"
#include "kernel/hv/hext/stage2.hpp"
#include "kernel/hv/hext/switch.hpp"

namespace redoubt::kernel::hext {
namespace {

using abi::RegisterGroup;
using abi::VcpuState;

constexpr bool has(std::uint32_t groups, RegisterGroup group) {
    return (groups & static_cast<std::uint32_t>(group)) != 0;
}

/// Everything that was kept for guests on this processor (8.3.2).
void flush_all() {
    asm volatile(".option push\n.option arch, +h\nhfence.gvma\n.option pop" : : : "memory");
}
/// What was kept of the page tables of the guest whose VMID is active, and of any code.
void flush_active() {
    asm volatile(".option push\n.option arch, +h\nhfence.vvma\nfence.i\n.option pop"
                 :
                 :
                 : "memory");
}

/// A VMID under which no stale translation is cached. When they are used up everything is flushed
/// and everybody takes a new one. True if it is a new one.
bool assign_vmid(HextVcpu& vcpu, Processor& processor) {
    const std::uint64_t flush_generation = vcpu.vm->flush_generation;
    if (vcpu.vmid_generation == processor.vmid_generation &&
        vcpu.flush_generation == flush_generation)
        return false;
    if (processor.next_vmid == features().vmids) {
        ++processor.vmid_generation;
        processor.next_vmid = 0;
        flush_all();
    }
    vcpu.vmid = processor.next_vmid++;
    vcpu.vmid_generation = processor.vmid_generation;
    vcpu.flush_generation = flush_generation;
    return true;
}

/// The monitor has set the guest's timer, which often is all that changes.
void load_timer(HextVcpu& vcpu) {
    vcpu.timer = vcpu.state().timer;
    if (vcpu.has_timer) REDOUBT_WRITE_CSR("vstimecmp", vcpu.timer);
}

/// This processor had somebody else's registers, or void ones.
[[gnu::noinline]] void load_processor(HextVcpu& vcpu, Processor& processor) {
    const bool is_new = assign_vmid(vcpu, processor);
    REDOUBT_WRITE_CSR("hgatp", Hgatp::mode(vcpu.vm->table_levels) | vcpu.vmid << Hgatp::kVmidShift |
                                   vcpu.vm->root.value() >> kPageBits);
    if (is_new) flush_active();
    if (vcpu.trap_translation) {
        REDOUBT_SET_CSR("hstatus", Hstatus::kTrapTranslation);
    } else {
        REDOUBT_CLEAR_CSR("hstatus", Hstatus::kTrapTranslation);
    }
    load_supervisor(vcpu.state());
    load_timer(vcpu);
    vcpu.loaded = ++processor.loaded;
}

/// QEMU 7.2 does not tell the host that the guest wrote fcsr or a CSR of the V extension.
void mark_written(std::uint64_t status, std::uint64_t guest) {
    std::uint64_t written = 0;
    if ((guest & kStatusFpMask) == kStatusFpDirty) written |= kStatusFpDirty;
    if ((status & kStatusVectorMask) != 0 && (guest & kStatusVectorMask) == kStatusVectorDirty)
        written |= kStatusVectorDirty;
    if (written != 0) REDOUBT_SET_CSR("sstatus", written);
}

/// The mode it is entered in, and which exceptions are its own.
void enable_guest(const HextVcpu& vcpu) {
    static_assert(kStatusSupervisor == 1 << 8);
    const std::uint64_t status = REDOUBT_READ_SET_CSR("sstatus", (vcpu.state().mode & 1) << 8);
    std::uint64_t own = vcpu.own_exceptions;
    // An illegal instruction may be the first use of floating point or vectors.
    if ((status & vcpu.used_last) == 0) own &= ~(std::uint64_t{1} << kCauseIllegalInstruction);
    REDOUBT_WRITE_CSR("hedeleg", own);
}

/// WFI: false if one of the interrupts that may end it is pending. QEMU 7.2's vsip does not tell,
/// and the timer's interrupt comes late there, unless the register is written: the guest would
/// wait again and again until then.
bool waits(VcpuState& state) {
    std::uint64_t pending = REDOUBT_READ_CSR("hip") >> 1;
    if (features().guest_timer && ticks_now() + state.time_delta >= state.timer) {
        if ((pending & abi::kInterruptTimer) == 0) REDOUBT_WRITE_CSR("vstimecmp", state.timer);
        pending |= abi::kInterruptTimer;
    }
    if ((pending & state.vsie) != 0) return false;
    state.exit.info1 = state.vsie;
    state.exit.info2 = state.timer;
    return true;
}

}  // namespace

Vcpu* create_vcpu(PhysicalAddress memory, Vm& vm, unsigned index) {
    auto* vcpu = new (direct_map<void>(memory)) HextVcpu{memory, vm, index};
    vcpu->state().mode = 1;
    vcpu->state().timer = abi::kNever;
    vcpu->used_last = kernel::features().vector_bytes != 0 ? kStatusVectorMask : kStatusFpMask;
    vcpu->has_timer = features().guest_timer;
    return vcpu;
}

void act_upon(Vcpu& base, const Requests& requests) {
    auto& vcpu = static_cast<HextVcpu&>(base);
    if (has(requests.dirty(), RegisterGroup::Translations)) vcpu.vmid_generation = 0;
    vcpu.exception_exits = requests.exception_exits();
    vcpu.own_exceptions = kGuestExceptions & ~std::uint64_t{requests.exception_exits()};
    vcpu.trap_translation = (requests.control() & abi::kTrapTranslation) != 0;
    vcpu.loaded = 0;
}

hv::Entered enter(Vcpu& base) {
    auto& vcpu = static_cast<HextVcpu&>(base);
    Processor& processor = this_processor();
    VcpuState& state = vcpu.state();
    // Whoever makes it grow fetches this processor out of the guest afterwards.
    if (vcpu.loaded != processor.loaded ||
        vcpu.flush_generation != vcpu.vm->flush_generation.load(std::memory_order_relaxed))
        [[unlikely]]
        load_processor(vcpu, processor);
    load_always(state);
    if (state.timer != vcpu.timer) [[unlikely]]
        load_timer(vcpu);
    enable_guest(vcpu);
    const std::uint64_t status = world_switch(&state);
    const std::uint64_t cause = REDOUBT_READ_CSR("scause");
    state.mode = (status & kStatusSupervisor) != 0 ? 1 : 0;
    store_registers(state);
    if (vcpu.has_timer) state.timer = vcpu.timer = REDOUBT_READ_CSR("vstimecmp");
    if ((status & kStatusFpMask) != 0) mark_written(status, state.vsstatus);
    Trap trap{.cause = cause, .pc = state.pc, .supervisor = (status & kStatusSupervisor) != 0};
    if (cause != Cause::kSupervisorCall) [[unlikely]] {
        if (cause == kCauseIllegalInstruction && fpu_first_use(vcpu.fpu_area))
            return hv::Entered::Resume;
        trap.value = REDOUBT_READ_CSR("stval");
        if (is_guest_page_fault(cause)) {
            trap.address = REDOUBT_READ_CSR("htval");
            trap.instruction = REDOUBT_READ_CSR("htinst");
        }
    }
    switch (decode_exit(trap, vcpu.exception_exits, state.exit)) {
        case ExitAction::ToMonitor:
            break;
        case ExitAction::GuestFault:
            return hv::Entered::MemoryFault;
        case ExitAction::HostInterrupt:
            return hv::Entered::HostInterrupt;
        case ExitAction::Wait:
            if (waits(state)) break;
            state.pc = state.exit.next_pc;
            return hv::Entered::Resume;
    }
    return hv::Entered::ToMonitor;
}

bool is_spurious(Vcpu& base) {
    auto& vcpu = static_cast<HextVcpu&>(base);
    if (!permits(*vcpu.vm, vcpu.state().exit)) return false;
    vcpu.loaded = vcpu.vmid_generation = 0;  // the processor may keep the absence of a page
    return true;
}

}  // namespace redoubt::kernel::hext

namespace redoubt::kernel::hv {
template class Run<hext::Hext, Processors::One>;
template class Run<hext::Hext, Processors::Several>;
}  // namespace redoubt::kernel::hv
