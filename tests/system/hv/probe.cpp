// An init that tests the hypervisor core from user space: every kind of exit, injection, ends of
// runs, guest memory, hostile state pages, and the end of VMs in every state with all memory
// accounted for. Prints a line for each finding to COM1 and ends the machine with 0 if everything
// held.
#include <cstdint>
#include <initializer_list>

#include "abi/hv.hpp"
#include "abi/scheme.hpp"
#include "abi/startup.hpp"
#include "abi/x86_64/vcpu_state.hpp"
#include "libhvcall/native/syscall.hpp"

#define GUEST(name) extern "C" const unsigned char guest_##name[], guest_##name##_end[]
GUEST(exits);
GUEST(step);
GUEST(debugged);
GUEST(spin);
GUEST(handler);
GUEST(bells);
GUEST(ringer);
GUEST(cpuid);
GUEST(undefined);
GUEST(identity);

extern "C" void* memcpy(void* to, const void* from, unsigned long bytes) {
    auto* d = static_cast<unsigned char*>(to);
    auto* s = static_cast<const unsigned char*>(from);
    while (bytes-- != 0) *d++ = *s++;
    return to;
}
extern "C" void* memset(void* to, int value, unsigned long bytes) {
    auto* d = static_cast<unsigned char*>(to);
    while (bytes-- != 0) *d++ = static_cast<unsigned char>(value);
    return to;
}

namespace {

using namespace redoubt;
using abi::Error;
using abi::ExitKind;
using abi::MapFlags;
using native::Slot;
namespace scheme = abi::scheme;

constexpr Slot kSpace = static_cast<Slot>(abi::StartupSlot::AddressSpace);
constexpr Slot kCNode = static_cast<Slot>(abi::StartupSlot::CNode);
constexpr auto kReadWrite = MapFlags::Read | MapFlags::Write;
constexpr auto kAllAccess = kReadWrite | MapFlags::Execute;
constexpr unsigned kVmBits = 16, kGuestBits = 16, kPoolBits = 23;
constexpr std::uint64_t kCode = 0x1000, kHandler = 0x3000, kStack = 0xFF00;
constexpr std::uint64_t kReadOnlyAt = 0x40000, kUnmappedAt = 0x80000;

Slot ports, root, untyped, pool, first_free, next_slot;
std::uint64_t ticks_per_second;
unsigned failures = 0;

void put(char character) {
    while ((native::port_in(ports, 0x3FD, 1).value & 0x20) == 0) {
    }
    native::port_out(ports, 0x3F8, 1, static_cast<std::uint8_t>(character));
}
void put(const char* text) {
    while (*text != '\0') put(*text++);
}
void put(std::uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        if (number >> shift != 0 || shift == 0) put("0123456789abcdef"[number >> shift & 15]);
    }
}

template <class... Parts>
void check(bool held, Parts... what) {
    put(held ? "probe: ok " : "probe: FAILED ");
    (put(what), ...);
    put("\r\n");
    if (!held) ++failures;
}

// ---- hv: paths

struct Answer {
    Error error;
    std::uint64_t mr[4];
    unsigned capabilities;
};

Answer request(Slot target, scheme::Operation operation, std::uint64_t mr0 = 0,
               std::uint64_t mr1 = 0, std::uint64_t mr2 = 0, Slot send = 0, Slot receive = 0) {
    abi::IpcBuffer& buffer = native::ipc_buffer();
    buffer.send[0] = send;
    buffer.receive_first = receive;
    buffer.receive_count = receive != 0 ? 1 : 0;
    native::Message message{
        abi::MessageInfo{static_cast<std::uint32_t>(operation), 64, send != 0 ? 1U : 0U},
        {mr0, mr1, mr2, 0}};
    const Error error = native::call(target, message);
    if (error != Error::Ok) return {error, {}, 0};
    return {static_cast<Error>(message.info.label()),
            {message.mr[0], message.mr[1], message.mr[2], message.mr[3]},
            message.info.capabilities()};
}

Answer open(Slot target, const char* path, Slot receive, bool create = false, Slot send = 0,
            std::uint64_t size_bits = 0) {
    auto* bytes = reinterpret_cast<char*>(&native::ipc_buffer().words[abi::kRegisterWords]);
    std::uint64_t length = 0;
    for (; path[length] != '\0'; ++length) bytes[length] = path[length];
    return request(target, scheme::Operation::Open, create ? 1 : 0, length, size_bits, send,
                   receive);
}

/// Looks for a word in what reading `file` gives.
bool text_contains(Slot file, const char* word) {
    const Answer answer = request(file, scheme::Operation::Read, 0, scheme::kMaximumBytes);
    const auto* text =
        reinterpret_cast<const char*>(&native::ipc_buffer().words[abi::kRegisterWords]);
    for (std::uint64_t i = 0; i < answer.mr[0]; ++i) {
        std::uint64_t n = 0;
        while (word[n] != '\0' && i + n < answer.mr[0] && text[i + n] == word[n]) ++n;
        if (word[n] == '\0') return true;
    }
    return false;
}

// ---- a VM with 64 KiB of memory, which is also mapped here

struct Machine {
    Slot vm = 0, vcpu = 0, memory = 0, guest_memory = 0, state_frame = 0;
    unsigned index = 0;
    abi::VcpuState* state = nullptr;
    unsigned char* bytes = nullptr;

    explicit Machine(unsigned which, bool quiet = false) : index{which} {
        vm = next_slot++;
        vcpu = next_slot++;
        memory = next_slot++;
        guest_memory = next_slot++;
        state_frame = next_slot++;
        const std::uint64_t base = 0x4000'0000 + index * 0x100'0000ULL;
        state = reinterpret_cast<abi::VcpuState*>(base);
        bytes = reinterpret_cast<unsigned char*>(base + 0x10'0000);
        bool made = open(root, "vm", vm, true, pool, kVmBits).error == Error::Ok;
        made = made && open(vm, "vcpu/0", vcpu, true, pool).error == Error::Ok;
        made = made &&
               request(vcpu, scheme::Operation::Map, 0, 4096, 0, 0, state_frame).error == Error::Ok;
        made = made && native::map(state_frame, kSpace, base, kReadWrite) == Error::Ok;
        made =
            made && native::retype(pool, abi::ObjectType::Frame, kGuestBits, memory) == Error::Ok;
        made = made && native::map(memory, kSpace, base + 0x10'0000, kReadWrite) == Error::Ok;
        made = made && native::copy(memory, abi::Rights::All, guest_memory) == Error::Ok;
        made = made && native::map(guest_memory, vm, 0, kAllAccess) == Error::Ok;
        if (!made || !quiet) check(made, "a VM is made");
        reset();
    }

    void reset() {
        native::vcpu_control(vcpu, abi::VcpuOperation::GetState);
        for (auto& segment : state->segments) segment.selector = 0, segment.base = 0;
        state->cr0 = 0x10;
        state->cr3 = state->cr4 = state->efer = 0;
        state->idtr = {0, 0, 0x3FF, 0};
        state->gpr[abi::kRsp] = kStack;
        state->rip = kCode;
        state->rflags = 2;
        state->inject = 0;
        state->control = 0;
        state->exception_exits = 0;
        state->interruptibility = 0;
        state->deadline = abi::kNever;
        state->dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Control) |
                       static_cast<std::uint32_t>(abi::RegisterGroup::Segments);
    }

    void load(const unsigned char* begin, const unsigned char* end, std::uint64_t at = kCode) {
        memcpy(bytes + at, begin, static_cast<std::uint64_t>(end - begin));
    }

    Error run() {
        for (;;) {
            const Error error = native::vcpu_run(vcpu);
            if (error != Error::Ok || state->exit.kind != ExitKind::Interrupted) return error;
        }
    }

    bool run_to(ExitKind kind, const char* what) {
        const Error error = run();
        const bool held = error == Error::Ok && state->exit.kind == kind;
        check(held, what, ": exit ", static_cast<std::uint64_t>(state->exit.kind), " detail ",
              std::uint64_t{state->exit.detail}, " info ", state->exit.info1, " rip ", state->rip);
        return held;
    }
    void go_on() { state->rip = state->exit.next_rip; }
    void skip(unsigned length) { state->rip += length; }
};

/// Everything made since the last time goes; all memory must be back.
void tear_down(const char* what) {
    check(native::revoke(pool) == Error::Ok, what, ": revoked");
    const auto identity = native::identify(pool);
    check(identity.value.free_bytes == 1ULL << kPoolBits, what, ": every byte is back, free ",
          identity.value.free_bytes);
    next_slot = first_free;
}

// ---- the tests

void test_paths() {
    const Slot file = next_slot++;
    check(open(root, "caps", file).error == Error::Ok && text_contains(file, "backend: svm"),
          "hv:/caps");
    check(request(file, scheme::Operation::Write, 0, 1).error == Error::NotSupported,
          "caps cannot be written");
    check(open(file, "vm", next_slot).error == Error::NotSupported, "a file is no directory");
    check(open(root, "nothing", next_slot).error == Error::NotFound, "unknown path");
    check(open(root, "vm/77", next_slot).error == Error::NotFound, "unknown VM");
    check(open(root, "vm", next_slot, true, 0, kVmBits).error == Error::InvalidArgument,
          "a VM without memory");
    check(open(root, "vm", next_slot, true, pool, 15).error == Error::InvalidArgument,
          "a VM too small");
    check(open(root, "vm", next_slot, true, pool, 24).error == Error::NoMemory,
          "a VM larger than its memory");
    check(open(root, "vm", next_slot, true, root, kVmBits).error == Error::InvalidCapability,
          "memory of no kind");
    check(open(root, "vm", file, true, pool, kVmBits).error == Error::SlotOccupied,
          "no room for the capability");
    check(request(root, static_cast<scheme::Operation>(99)).error == Error::NotSupported,
          "unknown operation");
    check(open(root, "caps", next_slot, false).mr[0] > 20, "size of hv:/caps");
    native::delete_capability(file);
    native::delete_capability(next_slot);
    tear_down("paths");
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
    m.skip(4);
    m.run_to(ExitKind::Mmio, "write to read-only memory");
    check(m.state->exit.info1 == kReadOnlyAt + 0x10, "its address");
    m.skip(4);
    m.run_to(ExitKind::Instruction, "WBINVD");
    m.go_on();
    m.run_to(ExitKind::Exception, "an exception asked for");
    check(m.state->exit.detail == 6, "its vector");
    m.skip(2);
    m.run_to(ExitKind::Halt, "HLT");
    check(text_contains(m.vm, "port-io 3") && text_contains(m.vm, "state: paused"),
          "the VM's text");
    tear_down("exits");
}

void test_ends_of_runs() {
    Machine m{0};
    m.load(guest_spin, guest_spin_end);
    const std::uint64_t start = native::ticks();
    m.state->deadline = start + ticks_per_second / 50;
    m.run_to(ExitKind::Deadline, "deadline");
    const std::uint64_t late = native::ticks() - m.state->deadline;
    check(late < ticks_per_second, "late by ", late);
    m.run_to(ExitKind::Deadline, "a deadline in the past");
    m.state->deadline = abi::kNever;
    native::vcpu_control(m.vcpu, abi::VcpuOperation::Kick);
    check(native::vcpu_run(m.vcpu) == Error::Ok && m.state->exit.kind == ExitKind::Interrupted,
          "kick");
    m.state->control = abi::kExitAtOnce;
    check(native::vcpu_run(m.vcpu) == Error::Ok && m.state->exit.kind == ExitKind::Interrupted,
          "exit at once");
    m.load(guest_step, guest_step_end);
    m.state->control = abi::kSingleStep;
    m.state->rip = kCode;
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
    tear_down("ends of runs");
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
    m.skip(1);
    m.run_to(ExitKind::Instruction, "INT n");
    check(m.state->rip == kCode + 6, "rip is at it");
    m.skip(2);
    m.run_to(ExitKind::Instruction, "a debug register");
    check(m.state->exit.detail ==
                  static_cast<std::uint32_t>(abi::InterceptedInstruction::DebugRegister) &&
              m.state->exit.info1 == 1 && m.state->rip == kCode + 8,
          "its details");
    m.skip(3);
    m.run_to(ExitKind::Halt, "HLT");
    other.skip(6);
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

/// A Call with a payload.
template <class T>
Error call(Slot target, auto code, std::initializer_list<T> payload, Slot send = 0,
           std::uint64_t length = sizeof(T)) {
    auto* words = &native::ipc_buffer().words[abi::kRegisterWords];
    if (payload.size() != 0) {
        memcpy(words, payload.begin(), payload.size() * sizeof(T));
        if (length == sizeof(T)) length = payload.size() * sizeof(T);
    }
    return request(target, scheme::Operation::Call, static_cast<std::uint64_t>(code), length, 0,
                   send)
        .error;
}

using abi::hv::CpuidEntry;
using abi::hv::Doorbell;
using enum abi::hv::VmCall;

Slot make_notification(std::uint64_t badge) {
    const Slot plain = next_slot++, badged = next_slot++;
    native::retype(pool, abi::ObjectType::Notification, 0, plain);
    native::mint(plain, abi::Rights::All, badge, badged);
    return badged;
}

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
    constexpr auto kSet = abi::hv::VcpuCall::SetCpuid;
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

void test_unmapping() {
    Machine m{0};
    m.load(guest_spin, guest_spin_end);
    m.state->deadline = native::ticks() + ticks_per_second / 100;
    m.run_to(ExitKind::Deadline, "mapped");
    m.state->deadline = abi::kNever;
    check(native::unmap(m.guest_memory) == Error::Ok, "unmapped");
    m.run_to(ExitKind::Mmio, "the translation is gone");
    check((m.state->exit.detail & abi::MmioDetail::kFetch) != 0, "on a fetch");
    check(native::map(m.guest_memory, m.vm, 0, kReadWrite) == Error::Ok, "mapped without execute");
    m.run_to(ExitKind::Mmio, "no execution");
    native::unmap(m.guest_memory);
    check(native::map(m.guest_memory, m.vm, 0xFFFF'FFFF'FFFF'0000, kReadWrite) ==
              Error::InvalidArgument,
          "beyond guest-physical space");
    check(native::map(m.guest_memory, m.vm, 0x800, kReadWrite) == Error::InvalidArgument,
          "misaligned");
    std::uint64_t last = 0;
    Error error = Error::Ok;
    const Slot page = next_slot++;
    for (; error == Error::Ok && last < 100; ++last) {
        native::retype(pool, abi::ObjectType::Frame, 12, page + static_cast<Slot>(last));
        error = native::map(page + static_cast<Slot>(last), m.vm, last << 39, kReadWrite);
    }
    check(error == Error::NoMemory, "the pool of tables ends, after pages: ", last);
    check(native::map(m.guest_memory, m.vm, 0, kAllAccess) == Error::AlreadyMapped,
          "what is mapped stays so");
    tear_down("unmapping");
}

/// Garbage in the state page may stop the guest in any way, but every run comes back and the kernel
/// lives.
void test_hostile_state() {
    Machine m{0};
    std::uint64_t seed = 1;
    const auto random = [&] {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        return seed ^= seed << 17;
    };
    auto* words = reinterpret_cast<std::uint64_t*>(m.state);
    unsigned kinds = 0, bad = 0;
    for (unsigned round = 0; round < 300; ++round) {
        if (round % 3 == 0) {
            for (unsigned i = 0; i < 512; ++i) words[i] = random();
        } else {
            m.reset();
            for (unsigned i = 0; i < 8; ++i) words[26 + random() % 80] = random();
        }
        m.state->dirty = static_cast<std::uint32_t>(random());
        if (round % 2 == 0) m.state->dirty = ~0U;
        m.state->inject = round % 5 == 0 ? random() | abi::EventInjection::kValid : 0;
        m.state->control = static_cast<std::uint32_t>(random()) & 3;
        m.state->deadline = native::ticks() + ticks_per_second / 1000;
        if (native::vcpu_run(m.vcpu) != Error::Ok) ++bad;
        kinds |= 1U << (static_cast<std::uint32_t>(m.state->exit.kind) & 31);
        if (native::vcpu_control(m.vcpu, abi::VcpuOperation::GetState) != Error::Ok) ++bad;
    }
    check(bad == 0, "hostile state pages: exits of kinds ", std::uint64_t{kinds});
    tear_down("hostile state");
}

// ---- several threads

constexpr std::uint64_t kBufferAddress = 0x7000'0000;
constexpr unsigned kWorkers = 3;
alignas(16) unsigned char stacks[kWorkers][4096];
Slot worker_vcpu[kWorkers];
volatile std::uint64_t worker_result[kWorkers];
volatile bool worker_done[kWorkers];
constexpr std::uint64_t kWorkerPriority = 200;

/// Runs a vCPU until it exits for another reason than an interruption.
extern "C" [[noreturn]] void worker(std::uint64_t index) {
    Error error;
    auto* state = reinterpret_cast<abi::VcpuState*>(0x4000'0000 + index * 0x100'0000ULL);
    do {
        error = native::vcpu_run(worker_vcpu[index]);
    } while (error == Error::Ok && state->exit.kind == ExitKind::Interrupted);
    worker_result[index] = static_cast<std::uint64_t>(error);
    worker_done[index] = true;
    native::exit_thread();
}
// A function's first instruction expects the stack that a call leaves behind.
asm("worker_entry: call worker");
extern "C" void worker_entry();

Slot start_worker(unsigned index, Slot vcpu) {
    worker_vcpu[index] = vcpu;
    worker_done[index] = false;
    const Slot thread = next_slot++, buffer = next_slot++;
    native::retype(pool, abi::ObjectType::Frame, 12, buffer);
    native::retype(pool, abi::ObjectType::Thread, 0, thread);
    native::map(buffer, kSpace, kBufferAddress + index * 0x1000ULL, kReadWrite);
    const Error configured = native::thread_configure(
        thread, {kSpace, kCNode, buffer, 0, 0, kBufferAddress + index * 0x1000ULL, 0,
                 kWorkerPriority, kWorkerPriority});
    native::thread_set_context(
        thread, {reinterpret_cast<std::uint64_t>(worker_entry),
                 reinterpret_cast<std::uint64_t>(stacks[index]) + sizeof stacks[index], index, 0});
    const Error resumed = native::thread_control(thread, abi::ThreadOperation::Resume);
    if (configured != Error::Ok || resumed != Error::Ok) check(false, "a worker starts");
    return thread;
}

/// Lets the workers run until something holds, however slow the machine is.
template <class Condition>
void wait_until(Condition&& condition) {
    const std::uint64_t end = native::ticks() + 60 * ticks_per_second;
    while (!condition() && native::ticks() < end) native::yield();
}

void test_guests_side_by_side() {
    Machine machines[kWorkers] = {Machine{0}, Machine{1}, Machine{2}};
    for (unsigned i = 0; i < kWorkers; ++i) {
        machines[i].load(guest_identity, guest_identity_end);
        machines[i].state->gpr[abi::kRbp] = 0x1111'1111ULL * (i + 1);
        start_worker(i, machines[i].vcpu);
    }
    const std::uint64_t end = native::ticks() + 120 * ticks_per_second;
    while (!(worker_done[0] && worker_done[1] && worker_done[2]) && native::ticks() < end)
        native::yield();
    for (const Machine& m : machines) {
        check(m.state->exit.kind == ExitKind::Halt,
              "a guest kept its registers, exits in the kernel ", m.state->exits_in_kernel);
    }
    tear_down("side by side");
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
    check(call(m.vcpu, abi::hv::VcpuCall::SetCpuid, {CpuidEntry{}}) == Error::InvalidState,
          "no CPUID table during a run");
    tear_down("while it rings");
}

void test_ends_of_vms() {
    {
        Machine m{0};
        tear_down("a VM that never ran");
        check(native::vcpu_run(m.vcpu) == Error::InvalidCapability, "its vCPU is gone");
    }
    for (unsigned way = 0; way < 6; ++way) {
        constexpr const char* kNames[] = {"destroyed",          "its capability deleted",
                                          "its memory revoked", "vCPU deleted",
                                          "thread suspended",   "thread deleted"};
        Machine m{0, true};
        m.load(guest_spin, guest_spin_end);
        const Slot thread = start_worker(0, m.vcpu);
        wait_until([&] { return text_contains(m.vm, "state: running"); });
        check(!worker_done[0] && m.state->rip != 0, kNames[way], " while it runs");
        check(native::vcpu_run(m.vcpu) == Error::InvalidState, "only one thread runs a vCPU");
        check(native::vcpu_control(m.vcpu, abi::VcpuOperation::GetState) == Error::InvalidState,
              "its state cannot be read meanwhile");
        switch (way) {
            case 0:
                check(request(m.vm, scheme::Operation::Call,
                              static_cast<std::uint64_t>(abi::hv::VmCall::Destroy))
                              .error == Error::Ok,
                      "destroy");
                check(text_contains(m.vm, "state: destroying"), "its state says so");
                break;
            case 1:
                native::delete_capability(m.vm);
                break;
            case 2:
                break;  // tear_down does
            case 3:
                native::delete_capability(m.vcpu);
                break;
            case 4:
                native::thread_control(thread, abi::ThreadOperation::Suspend);
                break;
            case 5:
                native::delete_capability(thread);
                break;
        }
        if (way < 2 || way == 3) {
            wait_until([] { return worker_done[0]; });
            check(
                worker_done[0] && worker_result[0] == static_cast<std::uint64_t>(Error::Cancelled),
                "its run returned Cancelled");
        }
        if (way < 2) check(native::vcpu_run(m.vcpu) == Error::Cancelled, "and cannot be repeated");
        if (way >= 4) {
            native::vcpu_control(m.vcpu, abi::VcpuOperation::Kick);
            check(native::vcpu_run(m.vcpu) == Error::Ok, "another thread may run it");
        }
        tear_down(kNames[way]);
    }
}

/// Many VMs in a row: ASIDs are reused, and nothing is lost.
void test_many() {
    bool good = true;
    for (unsigned i = 0; i < 40; ++i) {
        Machine m{0, true};
        m.load(guest_step, guest_step_end);
        good = good && m.run() == Error::Ok && m.state->exit.kind == ExitKind::Halt;
        native::revoke(pool);
        good = good && native::identify(pool).value.free_bytes == 1ULL << kPoolBits;
        next_slot = first_free;
    }
    check(good, "forty VMs in a row");
}

[[noreturn]] void end() {
    put(failures == 0 ? "probe: all held\r\n" : "probe: not all held\r\n");
    native::port_out(ports, 0xF4, 4, failures == 0 ? 1 : 2);
    for (;;) native::yield();
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    ports = boot->io_port_slot;
    root = boot->hv_slot;
    next_slot = boot->first_free_slot;
    ticks_per_second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    for (unsigned i = 0; i < boot->untyped_count; ++i) {
        if (boot->untyped[i].is_device == 0 && boot->untyped[i].size_bits > kPoolBits)
            untyped = boot->untyped[i].slot;
    }
    pool = next_slot++;
    check(native::retype(untyped, abi::ObjectType::Untyped, kPoolBits, pool) == Error::Ok,
          "memory");
    first_free = next_slot;
    check(root != 0, "this processor virtualizes");
    if (root == 0) end();
    test_paths();
    test_exits();
    test_ends_of_runs();
    test_debugging();
    test_injection();
    test_doorbells();
    test_cpuid_table();
    test_unmapping();
    test_hostile_state();
    test_guests_side_by_side();
    test_rings_wake();
    test_ends_of_vms();
    test_many();
    end();
}
asm(".globl _start\n_start: call probe\n");

}  // namespace
