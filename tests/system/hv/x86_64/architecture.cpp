// What the hypervisor core does on x86: real-mode guests, every exit, debugging, injection,
// doorbells, CPUID tables.
#include "abi/x86_64/identification.hpp"
#include "tests/system/hv/support.hpp"

GUEST(exits);
GUEST(step);
GUEST(debugged);
GUEST(handler);
GUEST(bells);
GUEST(ringer);
GUEST(cpuid);
GUEST(undefined);

namespace redoubt::probe {

const char* const kBackendLine = "backend: svm";
const unsigned kFirstRegister = 26, kRegisterCount = 80;
const std::uint64_t kAnyEvent = abi::EventInjection::kValid;

void reset_registers(abi::VcpuState& state) {
    for (auto& segment : state.segments) segment.selector = 0, segment.base = 0;
    state.cr0 = 0x10;
    state.cr3 = state.cr4 = state.efer = 0;
    state.idtr = {0, 0, 0x3FF, 0};
    state.gpr[abi::kRsp] = kStack;
    state.rflags = 2;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Control) |
                  static_cast<std::uint32_t>(abi::RegisterGroup::Segments);
}
std::uint64_t program_counter(const abi::VcpuState& state) { return state.rip; }
void set_program_counter(abi::VcpuState& state, std::uint64_t value) { state.rip = value; }
std::uint64_t behind_exit(const abi::Exit& exit) { return exit.next_rip; }
void set_identity(abi::VcpuState& state, std::uint64_t value) { state.gpr[abi::kRbp] = value; }

namespace {

void test_protection() {
    const Machine m{0};
    constexpr abi::hv::Protection kWanted{kCode, MapFlags::Read, 0};
    check(call(m.vm, abi::hv::VmCall::Protect, {kWanted}, m.guest_memory) == Error::NotSupported,
          "no page is executable alone");
    tear_down("protection");
}

void skip(Machine& machine, unsigned length) { machine.state->rip += length; }

void test_single_step() {
    Machine m{0};
    m.load(guest_step, guest_step_end);
    m.state->control = abi::kSingleStep;
    m.run_to(ExitKind::Debug, "single step");
    check(m.state->gpr[abi::kRax] == 0x77 && m.state->rip == kCode + 6 &&
              (m.state->rflags & 0x100) == 0,
          "one instruction ran");
    m.state->control = 0;
    m.run_to(ExitKind::Halt, "and on");
    m.load(guest_undefined, guest_undefined_end);
    m.reset();
    m.state->idtr.limit = 0;
    m.run_to(ExitKind::Shutdown, "triple fault");
    tear_down("single step");
}

void test_exits() {
    Machine m{0};
    const Slot frame = next_slot++;
    native::retype(pool, abi::ObjectType::Frame, 12, frame);
    check(native::map(frame, m.vm, kReadOnlyAt, MapFlags::Read) == Error::Ok,
          "read-only guest page");
    check(native::map(m.memory, m.vm, 0x100000, kReadWrite) == Error::AlreadyMapped,
          "a frame is mapped once");
    m.load(guest_exits, guest_exits_end);
    m.state->segments[abi::kEs].base = kUnmappedAt;
    m.state->segments[abi::kFs].base = kReadOnlyAt;
    m.state->exception_exits = 1U << 6;
    m.run_to(ExitKind::PortIo, "output");
    check(m.state->exit.info1 == 0x10 && m.state->exit.detail == 0x10 &&
              m.state->gpr[abi::kRax] == 0x41,
          "its details");
    m.go_on();
    m.run_to(ExitKind::PortIo, "input of 16 bits");
    check(m.state->exit.info1 == 0x20 && m.state->exit.detail == (0x20 | abi::PortIoDetail::kIn),
          "its details");
    m.state->gpr[abi::kRax] = 0xBEEF;
    m.go_on();
    m.run_to(ExitKind::PortIo, "output to DX");
    check(m.state->exit.info1 == 0x3F8 && m.state->gpr[abi::kRax] == 0xBEEF,
          "the value put in arrived");
    m.go_on();
    m.run_to(ExitKind::Cpuid, "CPUID");
    check(m.state->gpr[abi::kRax] == 0x1234, "its leaf");
    m.go_on();
    m.run_to(ExitKind::Hypercall, "VMMCALL");
    m.go_on();
    m.run_to(ExitKind::Msr, "RDMSR");
    check(m.state->gpr[abi::kRcx] == 0x10 && m.state->exit.detail == 0, "its number");
    m.go_on();
    m.run_to(ExitKind::Msr, "WRMSR");
    check(m.state->exit.detail == 1, "its direction");
    m.go_on();
    m.run_to(ExitKind::Mmio, "write to unmapped memory");
    check(m.state->exit.info1 == kUnmappedAt + 0x10 &&
              m.state->exit.detail == abi::MmioDetail::kWrite,
          "its address");
    skip(m, 4);
    m.run_to(ExitKind::Mmio, "write to read-only memory");
    check(m.state->exit.info1 == kReadOnlyAt + 0x10, "its address");
    skip(m, 4);
    m.run_to(ExitKind::Instruction, "WBINVD");
    m.go_on();
    m.run_to(ExitKind::Exception, "an exception asked for");
    check(m.state->exit.detail == 6, "its vector");
    skip(m, 2);
    m.run_to(ExitKind::Halt, "HLT");
    check(text_contains(m.vm, "port-io 3") && text_contains(m.vm, "state: paused"),
          "the VM's text");
    tear_down("exits");
}

/// INT3 is a #BP, or a software interrupt where the processor's #BP intercept misses it.
bool is_breakpoint(const abi::Exit& exit) {
    return (exit.kind == ExitKind::Debug && exit.detail == 3) ||
           (exit.kind == ExitKind::Instruction &&
            exit.detail ==
                static_cast<std::uint32_t>(abi::InterceptedInstruction::SoftwareInterrupt));
}

void test_debugging() {
    Machine m{0}, other{1};
    for (Machine* machine : {&m, &other}) {
        machine->load(guest_debugged, guest_debugged_end);
        machine->state->exception_exits = 1U << 1 | 1U << 3;
        machine->state->dirty |= static_cast<std::uint32_t>(abi::RegisterGroup::Debug);
    }
    // The first watches a byte for writes and stops before the second NOP, the other one at HLT.
    m.state->dr[0] = kCode + 4;
    m.state->dr[1] = 0x600;
    m.state->dr7 = 0x10'040A;
    other.state->dr[3] = kCode + 11;
    other.state->dr7 = 0x480;
    m.run_to(ExitKind::Debug, "a watched write");
    check((m.state->exit.info1 & 0xF) == 2 && m.state->rip == kCode + 3, "after it, DR6 ",
          m.state->exit.info1);
    m.run_to(ExitKind::Debug, "an instruction breakpoint");
    check((m.state->exit.info1 & 0xF) == 1 && m.state->rip == kCode + 4, "before it, DR6 ",
          m.state->exit.info1);
    check(other.run() == Error::Ok && is_breakpoint(other.state->exit) &&
              other.state->rip == kCode + 5,
          "another guest has its own breakpoints");
    m.state->dr7 = 0x400;
    m.state->dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Debug);
    check(m.run() == Error::Ok && is_breakpoint(m.state->exit) && m.state->rip == kCode + 5,
          "INT3");
    skip(m, 1);
    m.run_to(ExitKind::Instruction, "INT n");
    check(m.state->rip == kCode + 6, "rip is at it");
    skip(m, 2);
    m.run_to(ExitKind::Instruction, "a debug register");
    check(m.state->exit.detail ==
                  static_cast<std::uint32_t>(abi::InterceptedInstruction::DebugRegister) &&
              m.state->exit.info1 == 1 && m.state->rip == kCode + 8,
          "its details");
    skip(m, 3);
    m.run_to(ExitKind::Halt, "HLT");
    skip(other, 6);
    other.run_to(ExitKind::Debug, "the other guest's breakpoint");
    check((other.state->exit.info1 & 0xF) == 8 && other.state->rip == kCode + 11, "before HLT");
    tear_down("debugging");
}

void test_injection() {
    Machine m{0};
    m.load(guest_spin, guest_spin_end);
    m.load(guest_handler, guest_handler_end, kHandler);
    for (const unsigned vector : {2U, 0x20U}) {
        m.bytes[vector * 4 + 1] = kHandler >> 8;
    }
    m.state->control = abi::kRequestInterruptWindow;
    m.state->deadline = native::ticks() + ticks_per_second / 50;
    m.run_to(ExitKind::Deadline, "no window with interrupts off");
    m.state->deadline = abi::kNever;
    m.state->rflags |= 0x200;
    m.run_to(ExitKind::InterruptWindow, "a window with interrupts on");
    m.state->control = 0;
    const std::uint64_t back = m.state->rip;
    m.state->inject = abi::EventInjection::kValid | 0x20;
    m.run_to(ExitKind::PortIo, "the handler runs");
    check(m.state->inject == 0 && m.state->exit.info1 == 0x55, "delivered once");
    const std::uint64_t frame = m.state->gpr[abi::kRsp];
    check((m.bytes[frame] | unsigned{m.bytes[frame + 1]} << 8) == back, "its return address");
    m.go_on();
    m.state->control = abi::kRequestInterruptWindow;
    m.run_to(ExitKind::InterruptWindow, "back from the handler");
    m.state->control = 0;
    m.state->inject = abi::EventInjection::kValid | abi::EventInjection::kNmi | 2;
    m.run_to(ExitKind::PortIo, "the NMI handler runs");
    check((m.state->interruptibility & abi::kNmiBlocked) != 0, "NMIs are blocked in it");
    m.go_on();
    m.state->control = abi::kRequestInterruptWindow;
    m.run_to(ExitKind::InterruptWindow, "back from the NMI handler");
    check((m.state->interruptibility & abi::kNmiBlocked) == 0, "and not after it");
    m.state->control = abi::kExitAtOnce;
    m.state->inject = abi::EventInjection::kValid | 0x20;
    native::vcpu_run(m.vcpu);
    check(m.state->inject == (abi::EventInjection::kValid | 0x20), "what was not delivered stays");
    m.state->control = 0;
    m.state->inject = abi::EventInjection::kValid | 7 << 8;
    m.run_to(ExitKind::EntryFailure, "an event that does not exist");
    tear_down("injection");
}

// ---- what the kernel answers by itself

using abi::hv::CpuidEntry;
using abi::hv::Doorbell;
using enum abi::hv::VmCall;

void test_doorbells() {
    Machine m{0};
    m.load(guest_bells, guest_bells_end);
    const Slot first = make_notification(1), second = make_notification(2);
    const Doorbell any{0x700, 0, 0, 0}, one{0x701, 1, 1, 7};
    check(call(m.vm, BindDoorbell, {any}, first) == Error::Ok &&
              call(m.vm, BindDoorbell, {one}, second) == Error::Ok,
          "doorbells are bound");
    m.run_to(ExitKind::PortIo, "bells ring without an exit");
    check(m.state->exit.info1 == 0x701 && (m.state->gpr[abi::kRax] & 0xFF) == 8,
          "another value is no ring");
    check(native::wait(first, 1).value == 1, "the first rang");
    check(native::wait(second, 1).value == 2, "the second rang");
    check(native::wait(first, 1).error == Error::TimedOut, "and that was all");
    check(m.state->exits_in_kernel >= 3, "counted as exits in the kernel");
    m.go_on();
    m.run_to(ExitKind::PortIo, "another size");
    m.go_on();
    m.run_to(ExitKind::PortIo, "input");
    m.go_on();
    m.run_to(ExitKind::Halt, "the end");

    check(call(m.vm, BindDoorbell, {any}, second) == Error::Exists, "bound already");
    check(call(m.vm, BindDoorbell, {Doorbell{1, 3, 0, 0}}, first) == Error::InvalidArgument &&
              call(m.vm, BindDoorbell, {Doorbell{1, 8, 0, 0}}, first) == Error::InvalidArgument,
          "no such size");
    check(call(m.vm, BindDoorbell, {Doorbell{1, 1, 2, 0}}, first) == Error::InvalidArgument &&
              call(m.vm, BindDoorbell, {Doorbell{1, 1, 0, 5}}, first) == Error::InvalidArgument &&
              call(m.vm, BindDoorbell, {Doorbell{1, 1, 1, 256}}, first) == Error::InvalidArgument,
          "what can never match");
    check(call(m.vm, BindDoorbell, {Doorbell{1, 1, 0, 0, abi::hv::StoreSpace::GuestPhysical}},
               first) == Error::NotSupported &&
              call(m.vm, BindDoorbell, {Doorbell{1, 1, 0, 0, abi::hv::StoreSpace{99}}}, first) ==
                  Error::NotSupported,
          "only ports");
    check(call(m.vm, BindDoorbell, {Doorbell{1, 1, 0, 0}}) == Error::InvalidArgument &&
              call(m.vm, BindDoorbell, {Doorbell{1, 1, 0, 0}}, m.vcpu) == Error::InvalidCapability,
          "a Notification is needed");
    check(call(m.vm, BindDoorbell, {any, one}, first) == Error::InvalidArgument &&
              call<Doorbell>(m.vm, BindDoorbell, {}, first, 7) == Error::InvalidArgument &&
              call<Doorbell>(m.vm, BindDoorbell, {}, first, 4096) == Error::InvalidArgument,
          "one doorbell at a time");
    const Slot weak = next_slot++;
    native::copy(first, abi::Rights::Read, weak);
    check(call(m.vm, BindDoorbell, {Doorbell{1, 1, 0, 0}}, weak) == Error::MissingRight,
          "one that may be signalled");
    native::copy(m.vm, abi::Rights::Read | abi::Rights::Write, weak + 1);
    ++next_slot;
    check(call(weak + 1, BindDoorbell, {Doorbell{1, 1, 0, 0}}, first) == Error::MissingRight,
          "of a VM that one manages");
    check(call(m.vm, UnbindDoorbell, {Doorbell{9, 1, 0, 0}}) == Error::NotFound, "never bound");

    // A revocation silences a doorbell, and its place is free.
    native::revoke(first);
    m.state->rip = kCode;
    m.run_to(ExitKind::PortIo, "the first is revoked");
    check(m.state->exit.info1 == 0x700, "its port exits");
    check(call(m.vm, UnbindDoorbell, {any}) == Error::NotFound, "nothing is left to unbind");
    check(call(m.vm, UnbindDoorbell, {one}) == Error::Ok, "the second is unbound");
    Error last = Error::Ok;
    unsigned bound = 0;
    for (std::uint16_t i = 0; i < 40 && last == Error::Ok; ++i) {
        last = call(m.vm, BindDoorbell, {Doorbell{i, 1, 0, 0}}, second);
        if (last == Error::Ok) ++bound;
    }
    check(last == Error::NoMemory && bound == abi::hv::kMaximumDoorbells,
          "so many: ", std::uint64_t{bound});
    check(request(m.vm, scheme::Operation::Call, static_cast<std::uint64_t>(Destroy)).error ==
                  Error::Ok &&
              call(m.vm, BindDoorbell, {any}, second) == Error::InvalidState,
          "none for a VM that was destroyed");
    tear_down("doorbells");
}

void test_cpuid_table() {
    Machine m{0};
    m.load(guest_cpuid, guest_cpuid_end);
    constexpr auto kSet = abi::hv::VcpuCall::SetIdentification;
    const CpuidEntry features{
        1,          0,          CpuidEntry::kAnySubleaf | CpuidEntry::kShowsOsxsave,
        0x11111111, 0x22222222, 0x04000000,
        0x33333333, 0};
    const CpuidEntry other{7, 4, 0, 1, 2, 3, 4, 0};
    check(call(m.vcpu, kSet, {features, other}) == Error::Ok, "a CPUID table");
    m.run_to(ExitKind::Cpuid, "CPUID with a leaf that is not in it");
    check(m.state->gpr[abi::kRax] == 7 && m.state->gpr[abi::kRcx] == 5, "its leaf and subleaf");
    check(m.state->gpr[abi::kRsi] == 0x04000000, "its ECX without OSXSAVE");
    check(m.state->gpr[abi::kRdi] == 0x0C000000, "and with");
    check(m.state->gpr[abi::kRbx] == 0x22222222 && m.state->gpr[abi::kRdx] == 0x33333333,
          "its EBX and EDX");
    check(m.state->exits_in_kernel >= 2 && text_contains(m.vm, "cpuid 1"),
          "counted as exits in the kernel");

    CpuidEntry bad = other;
    bad.flags = 4;
    check(call(m.vcpu, kSet, {features, bad}) == Error::InvalidArgument, "an unknown flag");
    m.reset();
    m.run_to(ExitKind::Cpuid, "the table is gone after an error");
    check(m.state->gpr[abi::kRax] == 1, "all leaves exit");
    check(call<CpuidEntry>(m.vcpu, kSet, {}, 0, 65 * sizeof(CpuidEntry)) != Error::Ok,
          "a table too large");
    check(call<CpuidEntry>(m.vcpu, kSet, {}, 0, 33) == Error::InvalidArgument,
          "a piece of an entry");
    check(call<CpuidEntry>(m.vcpu, kSet, {}, 0, ~std::uint64_t{31}) == Error::InvalidArgument,
          "more than the message");
    const Slot weak = next_slot++;
    native::copy(m.vcpu, abi::Rights::Read, weak);
    check(call(weak, kSet, {features}) == Error::MissingRight, "who may not run it");
    check(call<CpuidEntry>(m.vcpu, kSet, {}, 0, 0) == Error::Ok, "no table at all");
    check(request(m.vcpu, scheme::Operation::Call, 99).error == Error::NotSupported,
          "an unknown call");
    tear_down("CPUID table");
}

/// Somebody who waits for a doorbell gets the processor, again and again.
void test_rings_wake() {
    Machine m{0};
    m.load(guest_ringer, guest_ringer_end);
    const Slot bell = make_notification(4);
    check(call(m.vm, BindDoorbell, {Doorbell{0x70, 1, 0, 0}}, bell) == Error::Ok, "a doorbell");
    start_worker(0, m.vcpu);
    bool good = true;
    for (unsigned i = 0; i < 100; ++i) {
        const auto rung = native::wait(bell, native::ticks() + 60 * ticks_per_second);
        good = good && rung.error == Error::Ok && rung.value == 4;
    }
    check(good && !worker_done[0], "a hundred rings woke who waited");
    check(call(m.vcpu, abi::hv::VcpuCall::SetIdentification, {CpuidEntry{}}) == Error::InvalidState,
          "no CPUID table during a run");
    tear_down("while it rings");
}

}  // namespace

void test_architecture() {
    test_protection();
    test_single_step();
    test_exits();
    test_debugging();
    test_injection();
    test_doorbells();
    test_cpuid_table();
    test_rings_wake();
}

}  // namespace redoubt::probe
