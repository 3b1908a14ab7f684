// An init that makes and ends virtual machines of random sizes: in every state, by every way a VM
// can end, some from under the thread that runs them. All memory must be back each time.
//
// Command line: seed=, machines=. A thread of high priority prints progress and ends the machine if
// there is none.
#include "abi/hv.hpp"
#include "abi/scheme.hpp"
#include "tests/system/fuzz/guest.hpp"
#include "tests/system/fuzz/support.hpp"
#include "tests/system/hv/request.hpp"

namespace redoubt::fuzz {

namespace {

using abi::Error;
using abi::ExitKind;
using abi::ObjectType;
using abi::Rights;
using abi::ThreadOperation;
using probe::create;
using probe::request;
namespace scheme = abi::scheme;

constexpr unsigned kPoolBits = 24, kVcpus = 3;
constexpr std::uint64_t kMemoryAddress = 0x4000'0000, kStateAddress = 0x5000'0000;
constexpr std::uint64_t kBufferAddress = 0x6000'0000;
constexpr std::uint64_t kCode = 0x1000;  // the guest's
constexpr std::uint32_t kRunnerPriority = 150, kWatchdogPriority = 250;
constexpr std::uint64_t kStuckSeconds = 90;

/// Slots of one machine, from `first`.
enum MachineSlot : unsigned {
    kVm,
    kVmAgain,
    kMemory,
    kGuestMemory,
    kHighMemory,
    kVcpu,
    kState = kVcpu + kVcpus,
    kThread = kState + kVcpus,
    kBuffer = kThread + kVcpus,
    kEnd = kBuffer + kVcpus,
};

Console console;
Slot untyped, pool, root, next_slot, first, watchdog_alarm;
std::uint64_t ticks_per_second, free_outside;
Random choices;
volatile std::uint64_t machines_done, exits[16], endings[10];
alignas(16) unsigned char stacks[kVcpus + 1][4096];

[[noreturn]] void fail(const char* what, std::uint64_t got = 0) {
    console.line("FAILED ", what, ": ", got, " in machine ", std::uint64_t{machines_done});
    console.end(false);
}
void must(Error error, const char* what) {
    if (error != Error::Ok) fail(what, static_cast<std::uint64_t>(error));
}
Slot at(unsigned which, unsigned index = 0) { return first + which + index; }

abi::VcpuState& state_of(unsigned vcpu) {
    return *reinterpret_cast<abi::VcpuState*>(kStateAddress + vcpu * 0x1000ULL);
}

Error destroy() {
    return request(at(kVm), scheme::Operation::Call,
                   static_cast<std::uint64_t>(abi::hv::VmCall::Destroy))
        .error;
}

// ---- making

void make_memory(unsigned bits) {
    constexpr auto kAll = kReadWrite | abi::MapFlags::Execute;
    must(native::retype(pool, ObjectType::Frame, bits, at(kMemory)), "memory");
    must(native::map(at(kMemory), kSpace, kMemoryAddress, kReadWrite), "memory");
    must(native::copy(at(kMemory), Rights::All, at(kGuestMemory)), "memory");
    must(native::map(at(kGuestMemory), at(kVm), 0, kAll), "guest memory");
    if (choices.one_in(2)) {
        // The tables' pool may be too small for this one.
        must(native::copy(at(kMemory), Rights::All, at(kHighMemory)), "memory");
        native::map(at(kHighMemory), at(kVm), choices.below(1 << 20) << 24, kAll);
    }
    auto* code = reinterpret_cast<volatile unsigned char*>(kMemoryAddress + kCode);
    for (const auto byte : soak_program(static_cast<unsigned>(choices.below(kSoakPrograms))))
        *code++ = byte;
}

void make_vcpu(unsigned index) {
    const char path[] = {'v', 'c', 'p', 'u', '/', static_cast<char>('0' + index), '\0'};
    must(create(at(kVm), path, at(kVcpu, index), pool), "a vCPU");
    must(request(at(kVcpu, index), scheme::Operation::Map, 0, 4096, 0, 0, at(kState, index)).error,
         "a state page");
    abi::VcpuState& state = state_of(index);
    must(
        native::map(at(kState, index), kSpace, reinterpret_cast<std::uint64_t>(&state), kReadWrite),
        "a state page");
    must(native::vcpu_control(at(kVcpu, index), abi::VcpuOperation::GetState), "the state");
    set_guest_state(state, kCode);
    state.deadline = abi::kNever;
}

// ---- running

/// A run by the main thread, with a deadline in the near future, or kicked.
void run(unsigned index) {
    abi::VcpuState& state = state_of(index);
    state.deadline = native::ticks() + choices.below(ticks_per_second / 2000);
    if (choices.one_in(4)) native::vcpu_control(at(kVcpu, index), abi::VcpuOperation::Kick);
    const Error error = native::vcpu_run(at(kVcpu, index));
    if (error != Error::Ok) fail("a run", static_cast<std::uint64_t>(error));
    count(exits[static_cast<std::uint32_t>(state.exit.kind) % 16]);
    if (state.exit.kind == ExitKind::EntryFailure || state.exit.kind == ExitKind::Shutdown)
        fail("a run's exit", static_cast<std::uint64_t>(state.exit.kind));
    go_on_after_call(state);
}

/// Runs its vCPU until that is impossible; the guest never sees a deadline.
extern "C" [[noreturn]] void runner(std::uint64_t index) {
    const auto vcpu = static_cast<unsigned>(index);
    while (native::vcpu_run(at(kVcpu, vcpu)) == Error::Ok) {
        abi::VcpuState& state = state_of(vcpu);
        count(exits[static_cast<std::uint32_t>(state.exit.kind) % 16]);
        if (state.exit.kind != ExitKind::Interrupted) set_program_counter(state, kCode);
    }
    native::exit_thread();
}
extern "C" [[noreturn]] void watchdog() {
    std::uint64_t last = ~std::uint64_t{0}, since = native::ticks();
    for (;;) {
        native::wait(watchdog_alarm, native::ticks() + 2 * ticks_per_second);
        console.line("machine ", std::uint64_t{machines_done});
        if (machines_done != last) {
            last = machines_done;
            since = native::ticks();
        } else if (native::ticks() - since > kStuckSeconds * ticks_per_second) {
            fail("no progress");
        }
    }
}
asm("runner_entry: call runner\n"
    "watchdog_entry: call watchdog\n");
extern "C" void runner_entry(), watchdog_entry();

/// A thread of this process, from memory that is made already.
void start_thread(Slot thread, Slot buffer, unsigned index, void (*entry)(),
                  std::uint32_t priority) {
    const std::uint64_t address = kBufferAddress + index * 0x1000ULL;
    must(native::map(buffer, kSpace, address, kReadWrite), "a thread's buffer");
    must(native::thread_configure(thread,
                                  {kSpace, kCNode, buffer, 0, 0, address, 0, priority, priority}),
         "a thread");
    must(native::thread_set_context(
             thread, {reinterpret_cast<std::uint64_t>(entry),
                      reinterpret_cast<std::uint64_t>(stacks[index]) + 4096, index, 0}),
         "a thread");
    must(native::thread_control(thread, ThreadOperation::Resume), "a thread");
}

void start_runner(unsigned index) {
    must(native::retype(pool, ObjectType::Thread, 0, at(kThread, index)), "a thread");
    must(native::retype(pool, ObjectType::Frame, 12, at(kBuffer, index)), "a thread's buffer");
    start_thread(at(kThread, index), at(kBuffer, index), index, runner_entry, kRunnerPriority);
}

void sleep(std::uint64_t ticks) { native::wait(watchdog_alarm, native::ticks() + ticks); }

// ---- ending

/// One of the ways in which a VM can lose something; the rest is taken back afterwards.
void end_somehow() {
    const std::uint64_t way = choices.below(10);
    count(endings[way]);
    const auto vcpu = static_cast<unsigned>(choices.below(kVcpus));
    switch (way) {
        case 0:
            if (!native::identify(at(kVm))) break;  // an ending before this one took it
            must(destroy(), "destroying");
            if (native::vcpu_run(at(kVcpu)) == Error::Ok) fail("a destroyed VM ran");
            break;
        case 1:
            native::delete_capability(at(kVm));
            break;
        case 2:
            native::delete_capability(at(kVcpu, vcpu));
            break;
        case 3:
            native::revoke(at(kVcpu, vcpu));
            native::delete_capability(at(kVcpu, vcpu));
            break;
        case 4:
            native::thread_control(at(kThread, vcpu), ThreadOperation::Suspend);
            break;
        case 5:
            native::delete_capability(at(kThread, vcpu));
            break;
        case 6:
            native::unmap(at(kGuestMemory));
            sleep(choices.below(ticks_per_second / 5000) + 1);
            break;
        case 7:
            native::revoke(at(kMemory));
            break;
        case 8:
            request(at(kVm), scheme::Operation::Close);
            break;
        default:
            break;  // its memory is revoked as it is
    }
    if (choices.one_in(2)) sleep(choices.below(ticks_per_second / 5000) + 1);
}

void one_machine() {
    const auto vm_bits = static_cast<unsigned>(16 + choices.below(4));
    must(create(root, "vm", at(kVm), pool, vm_bits), "a VM");
    if (choices.one_in(4)) must(native::copy(at(kVm), Rights::All, at(kVmAgain)), "a copy");
    const std::uint64_t stage = choices.below(16);  // 0: no memory, 1: no vCPU
    if (stage != 0) make_memory(static_cast<unsigned>(16 + choices.below(6)));
    if (stage > 1) {
        const auto vcpus = static_cast<unsigned>(1 + choices.below(kVcpus));
        for (unsigned i = 0; i < vcpus; ++i) {
            make_vcpu(i);
            if (choices.one_in(2)) {
                start_runner(i);
            } else {
                for (std::uint64_t runs = choices.below(4); runs != 0; --runs) run(i);
            }
        }
        if (choices.one_in(2)) sleep(choices.below(ticks_per_second / 2000) + 1);
    }
    end_somehow();
    if (choices.one_in(4)) end_somehow();
    must(native::revoke(pool), "revoking");
    const auto identity = native::identify(pool);
    if (!identity || identity.value.free_bytes != std::uint64_t{1} << kPoolBits)
        fail("bytes free", identity.value.free_bytes);
    if (native::identify(untyped).value.free_bytes != free_outside) fail("bytes free outside");
    for (unsigned i = 0; i < kEnd; ++i) {
        if (native::identify(at(i))) fail("a capability is left", i);
    }
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    root = boot->hv_slot;
    next_slot = boot->first_free_slot;
    redoubt::probe::initialize_machine(*boot, next_slot);
    ticks_per_second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    untyped = largest_untyped(*boot);
    choices = {option(*boot, "seed", 1) * 0x9E37'79B9'7F4A'7C15ULL | 1};
    const std::uint64_t machines = option(*boot, "machines", 200);
    pool = next_slot++;
    watchdog_alarm = next_slot++;
    const Slot thread = next_slot++, buffer = next_slot++;
    first = next_slot;
    must(native::retype(untyped, ObjectType::Untyped, kPoolBits, pool), "the pool");
    must(native::retype(untyped, ObjectType::Notification, 0, watchdog_alarm), "an alarm");
    must(native::retype(untyped, ObjectType::Thread, 0, thread), "the watchdog");
    must(native::retype(untyped, ObjectType::Frame, 12, buffer), "the watchdog");
    free_outside = native::identify(untyped).value.free_bytes;
    start_thread(thread, buffer, kVcpus, watchdog_entry, kWatchdogPriority);
    const std::uint64_t start = native::ticks();
    for (; machines_done < machines; count(machines_done)) one_machine();
    const std::uint64_t milliseconds = (native::ticks() - start) / (ticks_per_second / 1000) + 1;
    native::thread_control(thread, ThreadOperation::Suspend);
    console.report_lock();
    for (unsigned i = 0; i < 15; ++i)
        console.line("exits of kind ", std::uint64_t{i}, ": ", std::uint64_t{exits[i]});
    for (unsigned i = 0; i < 10; ++i)
        console.line("endings of kind ", std::uint64_t{i}, ": ", std::uint64_t{endings[i]});
    console.line("machines ", machines, ", ms ", milliseconds, ", per second ",
                 machines * 1000 / milliseconds);
    console.end(true);
}

}  // namespace

}  // namespace redoubt::fuzz
