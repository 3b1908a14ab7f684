// An init that tests the kernel from user space: hostile programs, thread switches, timers and
// interrupts. Prints one line for each finding to the console and ends the machine with 0 if
// everything held.
#include <cstdint>
#include <initializer_list>

#include "abi/startup.hpp"
#include "libhvcall/native/syscall.hpp"
#include "tests/system/kernel/machine.hpp"

extern "C" {
struct Hostile {
    const char* name;
    std::uint64_t entry;
};
extern const Hostile hostile_table[];
void check_registers();
std::uint64_t counters[8];
}

namespace {

using namespace redoubt;
using native::Slot;
using probe::put;

constexpr std::uint64_t kBufferAddress = 0x1000'0000;
constexpr std::uint64_t kTopPage = abi::kUserAddressEnd - 0x1000;
constexpr Slot kSpace = static_cast<Slot>(abi::StartupSlot::AddressSpace);
constexpr Slot kCNode = static_cast<Slot>(abi::StartupSlot::CNode);
constexpr std::uint64_t kBadge = 77;
constexpr unsigned kSpinners = 4;
constexpr std::uint32_t kWorkerPriority = 150;

Slot next_slot, untyped, fault_endpoint, fault_reply, worker_buffer, notification, tick_irq;
unsigned failures = 0;
alignas(16) unsigned char stacks[1 + kSpinners][4096];
std::uint64_t thread_locals[1 + kSpinners];

void put(const char* text) {
    while (*text != '\0') put(*text++);
}
void put(std::uint64_t number) {
    char digits[20];
    unsigned count = 0;
    do digits[count++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (count != 0) put(digits[--count]);
}

template <class... Parts>
void check(bool held, Parts... what) {
    put(held ? "probe: ok " : "probe: FAILED ");
    (put(what), ...);
    put("\r\n");
    if (!held) ++failures;
}

Slot make(abi::ObjectType type, unsigned size_bits = 0) {
    const Slot slot = next_slot++;
    check(native::retype(untyped, type, size_bits, slot) == abi::Error::Ok, "object ",
          static_cast<std::uint64_t>(type));
    return slot;
}

Slot start_thread(std::uint64_t entry, unsigned index, std::uint32_t priority = kWorkerPriority) {
    const Slot thread = next_slot++;
    native::retype(untyped, abi::ObjectType::Thread, 0, thread);
    thread_locals[index] = index;
    native::thread_configure(thread, {kSpace, kCNode, worker_buffer, fault_endpoint, kBadge + index,
                                      kBufferAddress, 0, priority, priority});
    native::thread_set_context(
        thread, {entry, reinterpret_cast<std::uint64_t>(stacks[index]) + sizeof stacks[index],
                 index, reinterpret_cast<std::uint64_t>(&thread_locals[index])});
    native::thread_control(thread, abi::ThreadOperation::Resume);
    return thread;
}

void expect_fault(const char* name, std::uint64_t entry) {
    const Slot thread = start_thread(entry, 0);
    const native::Received received = native::recv(fault_endpoint, fault_reply);
    check(received.error == abi::Error::Ok && received.badge == kBadge &&
              received.message.info.label() == abi::kFaultLabel,
          name, ": kind ", received.message.mr[0], " address ", received.message.mr[1]);
    native::delete_capability(thread);
}

/// The last mappable page may end in a system call, whose return address is the first that cannot
/// be mapped.
void probe_end_of_user_space() {
    const Slot frame = make(abi::ObjectType::Frame, 12);
    constexpr auto kReadWrite = abi::MapFlags::Read | abi::MapFlags::Write;
    check(native::map(frame, kSpace, kTopPage + 0x1000, kReadWrite) != abi::Error::Ok,
          "last page refused");
    check(native::map(frame, kSpace, 0xFFFF'FFC0'0000'0000, kReadWrite) != abi::Error::Ok,
          "kernel half refused");
    check(
        native::map(frame, kSpace, kTopPage, kReadWrite | abi::MapFlags::Execute) != abi::Error::Ok,
        "writable code refused");
    check(native::map(frame, kSpace, kTopPage, kReadWrite) == abi::Error::Ok,
          "page before it mapped");
    const std::uint64_t last = kTopPage + 0x1000 - probe::kSystemCallBytes;
    for (unsigned i = 0; i < probe::kSystemCallBytes; ++i)
        reinterpret_cast<volatile unsigned char*>(last)[i] = probe::kSystemCall[i];
    native::unmap(frame);
    native::map(frame, kSpace, kTopPage, abi::MapFlags::Read | abi::MapFlags::Execute);
    expect_fault("call at the end of user space", last);
}

void probe_thread_switches(std::uint64_t second) {
    for (unsigned i = 1; i <= kSpinners; ++i) {
        start_thread(reinterpret_cast<std::uint64_t>(check_registers), i);
    }
    const std::uint64_t start = native::ticks();
    const auto waited = native::wait(notification, start + second);
    const std::uint64_t milliseconds = (native::ticks() - start) * 1000 / second;
    check(waited.error == abi::Error::TimedOut && milliseconds >= 1000 && milliseconds < 10'000,
          "timed wait of 1000 ms took ", milliseconds);
    for (unsigned i = 1; i <= kSpinners; ++i)
        check(counters[i] > 1000, "thread kept its registers");
}

/// A clock's interrupt at 1 kHz, which also preempts the spinning threads.
void probe_interrupts(const abi::BootInfo& boot, std::uint64_t second) {
    tick_irq = next_slot++;
    check(native::irq_claim(boot.irq_control_slot, probe::kTickLine, tick_irq) == abi::Error::Ok,
          "interrupt claimed");
    check(native::irq_claim(boot.irq_control_slot, probe::kTickLine, next_slot) == abi::Error::Busy,
          "only once");
    check(native::irq_bind(tick_irq, notification) == abi::Error::Ok, "interrupt bound");
    probe::start_ticks();
    std::uint64_t count = 0;
    const std::uint64_t end = native::ticks() + second / 2;
    for (; native::wait(notification, end).error == abi::Error::Ok; ++count)
        probe::next_tick(tick_irq);
    check(count > 2 && count < 550, "timer interrupts in 500 ms: ", count);
}

volatile std::uint64_t wakeups = 0;

void count_wakeups() {
    while (native::wait(notification, abi::kNever).error == abi::Error::Ok) {
        wakeups = wakeups + 1;
        probe::next_tick(tick_irq);
    }
    native::exit_thread();
}

/// System calls that take long let a better thread run, and then go on as if nothing had been. The
/// clock still ticks.
void probe_long_calls() {
    constexpr unsigned kFrameBits = 25;
    constexpr std::uint64_t kAddress = 0x2'0000'0000;
    constexpr std::uint32_t kBetter = 250;
    const auto memory = static_cast<Slot>(abi::StartupSlot::Untyped);
    const Slot worker = start_thread(reinterpret_cast<std::uint64_t>(count_wakeups), 0, kBetter);
    const Slot frame = next_slot++;
    const Slot block = next_slot++;
    native::retype(memory, abi::ObjectType::Untyped, kFrameBits + 1, block);
    // On several processors the clock is the host's, which may stop the one that ticks meanwhile.
    std::uint64_t most = 0;
    for (unsigned i = 0; i < 20 && most < 3; ++i) {
        native::revoke(block);
        const std::uint64_t before = wakeups;
        check(native::retype(block, abi::ObjectType::Frame, kFrameBits, frame) == abi::Error::Ok,
              "large frame made");
        const std::uint64_t during = wakeups - before;
        if (during > most) most = during;
    }
    check(most >= 3, "wake-ups while it was zeroed: ", most);
    check(native::map(frame, kSpace, kAddress + 4096, abi::MapFlags::Read) ==
              abi::Error::InvalidArgument,
          "large frames are where large pages can be");
    native::map(frame, kSpace, kAddress, abi::MapFlags::Read | abi::MapFlags::Write);
    bool zero = true;
    for (std::uint64_t at = 0; at < 1ULL << kFrameBits; at += 4096 - 8)
        zero &= *reinterpret_cast<volatile std::uint64_t*>(kAddress + at / 8 * 8) == 0;
    check(zero, "it is zero");
    constexpr std::uint64_t kCount = 512, kTotal = 4096;
    const Slot nodes = next_slot++;
    native::retype(block, abi::ObjectType::CNode, 19, nodes);
    check(native::retype(block, abi::ObjectType::Endpoint, 0, 1, kCount + 1, nodes) ==
              abi::Error::InvalidArgument,
          "too many objects at once");
    bool made = true;
    for (std::uint64_t i = 0; i < kTotal; i += kCount) {
        const auto first = static_cast<Slot>(1 + i);
        made &= native::retype(block, abi::ObjectType::Endpoint, 0, first, kCount, nodes) ==
                abi::Error::Ok;
    }
    check(made, "many objects made");
    check(native::revoke(block) == abi::Error::Ok, "all of it revoked");
    check(native::retype(block, abi::ObjectType::Untyped, kFrameBits + 1, frame) == abi::Error::Ok,
          "and its memory whole again");
    native::delete_capability(worker);
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    next_slot = boot->first_free_slot;
    probe::initialize_machine(*boot, next_slot);
    for (unsigned i = 0; i < boot->untyped_count; ++i) {
        if (boot->untyped[i].is_device == 0 && boot->untyped[i].size_bits >= 20)
            untyped = boot->untyped[i].slot;
    }
    fault_endpoint = make(abi::ObjectType::Endpoint);
    fault_reply = make(abi::ObjectType::Reply);
    notification = make(abi::ObjectType::Notification);
    worker_buffer = make(abi::ObjectType::Frame, 12);
    native::map(worker_buffer, kSpace, kBufferAddress, abi::MapFlags::Read | abi::MapFlags::Write);

    for (const Hostile* hostile = hostile_table; hostile->name != nullptr; ++hostile) {
        expect_fault(hostile->name, hostile->entry);
    }
    for (const std::uint64_t entry : std::initializer_list<std::uint64_t>{
             abi::kUserAddressEnd + 0x1000, 0xFFFF'FFFF'8010'2000, ~0ULL, 0}) {
        expect_fault("start outside user space", entry);
    }
    probe_end_of_user_space();
    const std::uint64_t second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    probe_thread_switches(second);
    probe_interrupts(*boot, second);
    probe_long_calls();
    put("probe: done, failures ");
    put(std::uint64_t{failures});
    put("\r\n");
    probe::end_machine(failures == 0 ? 0 : 1);
    for (;;) native::yield();
}

}  // namespace
