// See support.hpp.
#include "tests/system/hv/support.hpp"

#include "tests/system/kernel/machine.hpp"

namespace redoubt::probe {

Slot root, untyped, pool, first_free, next_slot;
std::uint64_t ticks_per_second;
unsigned failures = 0;
volatile std::uint64_t worker_result[kWorkers];
volatile bool worker_done[kWorkers];

void put(const char* text) {
    while (*text != '\0') put(*text++);
}
void put(std::uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        if (number >> shift != 0 || shift == 0) put("0123456789abcdef"[number >> shift & 15]);
    }
}

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

Slot make_notification(std::uint64_t badge) {
    const Slot plain = next_slot++, badged = next_slot++;
    native::retype(pool, abi::ObjectType::Notification, 0, plain);
    native::mint(plain, abi::Rights::All, badge, badged);
    return badged;
}

Machine::Machine(unsigned which, bool quiet, unsigned address_bits) : index{which} {
    vm = next_slot++;
    vcpu = next_slot++;
    memory = next_slot++;
    guest_memory = next_slot++;
    state_frame = next_slot++;
    const std::uint64_t base = 0x6000'0000 + index * 0x100'0000ULL;
    state = reinterpret_cast<abi::VcpuState*>(base);
    bytes = reinterpret_cast<unsigned char*>(base + 0x10'0000);
    bool made = create(root, "vm", vm, pool, kVmBits, address_bits) == Error::Ok;
    made = made && create(vm, "vcpu/0", vcpu, pool) == Error::Ok;
    made = made &&
           request(vcpu, scheme::Operation::Map, 0, 4096, 0, 0, state_frame).error == Error::Ok;
    made = made && native::map(state_frame, kSpace, base, kReadWrite) == Error::Ok;
    made = made && native::retype(pool, abi::ObjectType::Frame, kGuestBits, memory) == Error::Ok;
    made = made && native::map(memory, kSpace, base + 0x10'0000, kReadWrite) == Error::Ok;
    made = made && native::copy(memory, abi::Rights::All, guest_memory) == Error::Ok;
    made = made && native::map(guest_memory, vm, 0, kAllAccess) == Error::Ok;
    if (!made || !quiet) check(made, "a VM is made");
    reset();
}

void Machine::reset() {
    native::vcpu_control(vcpu, abi::VcpuOperation::GetState);
    reset_registers(*state);
    set_program_counter(*state, kCode);
    state->inject = 0;
    state->control = 0;
    state->exception_exits = 0;
    state->interruptibility = 0;
    state->deadline = abi::kNever;
}

void Machine::load(const unsigned char* begin, const unsigned char* end, std::uint64_t at) {
    memcpy(bytes + at, begin, static_cast<std::uint64_t>(end - begin));
}

Error Machine::run() {
    for (;;) {
        const Error error = native::vcpu_run(vcpu);
        if (error != Error::Ok || state->exit.kind != ExitKind::Interrupted) return error;
    }
}

bool Machine::run_to(ExitKind kind, const char* what) {
    const Error error = run();
    const bool held = error == Error::Ok && state->exit.kind == kind;
    check(held, what, ": exit ", static_cast<std::uint64_t>(state->exit.kind), " detail ",
          std::uint64_t{state->exit.detail}, " info ", state->exit.info1, " at ",
          program_counter(*state));
    return held;
}

void Machine::go_on() { set_program_counter(*state, behind_exit(state->exit)); }

void tear_down(const char* what) {
    check(native::revoke(pool) == Error::Ok, what, ": revoked");
    const auto identity = native::identify(pool);
    check(identity.value.free_bytes == 1ULL << kPoolBits, what, ": every byte is back, free ",
          identity.value.free_bytes);
    next_slot = first_free;
}

namespace {

constexpr std::uint64_t kBufferAddress = 0x7000'0000;
alignas(16) unsigned char stacks[kWorkers][4096];
Slot worker_vcpu[kWorkers];
constexpr std::uint64_t kWorkerPriority = 200;

extern "C" [[noreturn]] void worker(std::uint64_t index) {
    Error error;
    auto* state = reinterpret_cast<abi::VcpuState*>(0x6000'0000 + index * 0x100'0000ULL);
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

}  // namespace

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

}  // namespace redoubt::probe
