// An init that fuzzes the kernel from user space: in every round it gives a fresh set of threads
// all that they need to do harm, meddles while they do, then takes everything back and counts.
//
// Command line: seed=, rounds=, calls= (for each round); vectors=1 where there are vector registers
// to look at. A thread of high priority prints progress
// and ends the machine if there is none.
#include "abi/scheme.hpp"
#include "tests/rights/machine.hpp"
#include "tests/system/fuzz/worker.hpp"

extern "C" {
extern const unsigned char __executable_start[], etext[], end[];
}

namespace redoubt::fuzz {

namespace {

using abi::Error;
using abi::ObjectType;
using abi::Rights;
using abi::ThreadOperation;

constexpr unsigned kPoolBits = 23, kUntypedBits = 22, kMemoryBits = 20, kSpaceBits = 16;
constexpr std::uint64_t kImageWindow = 0x4000'0000;  ///< the driver's view of the workers' image
constexpr std::uint64_t kOwnBuffers = 0x2200'0000;   ///< of the driver's own threads
constexpr std::uint64_t kPoisonAddress = 0x5000'0000;
constexpr unsigned kHelpers = 5;
constexpr std::uint32_t kHealerPriority = 190, kIdlePriority = 5, kWatchdogPriority = 250,
                        kBystanderPriority = 70;
constexpr std::uint64_t kStuckSeconds = 90;
constexpr unsigned kIrqLine = 5;

/// The driver's slots for what it makes in each round, all from the pool.
enum RoundSlot : unsigned {
    kRoundUntyped,
    kRoundCNode,
    kRoundSpace = kRoundCNode + 2,
    kRoundEndpoint = kRoundSpace + 2,
    kRoundNotification = kRoundEndpoint + 2,
    kRoundReply = kRoundNotification + 2,
    kRoundThread = kRoundReply + 2,
    kRoundBuffer = kRoundThread + kWorkers,
    kRoundMemory = kRoundBuffer + kWorkers,  ///< what each set of workers may spend
    kRoundEnd = kRoundMemory + 2,
};

Console console;
Slot untyped, pool, hv_root, irq_control, code_first, code_pages, control_copy, next_slot;
Slot round_first, worker_ports, fault_endpoint, fault_reply, alarm, watchdog_alarm;
Slot bystander_alarm, bystander_endpoint, bystander_reply;
/// What outlives the rounds, so that nothing in it may point to what does not.
Slot lasting_notification, lasting_reply, lasting_irq;
unsigned text_pages;
std::uint64_t pool_size, free_outside, ticks_per_second;
Random meddling;
volatile std::uint64_t rounds_done, faults, revivals;
alignas(16) unsigned char helper_stacks[kHelpers][4096];

[[noreturn]] void fail(const char* what, std::uint64_t got = 0, std::uint64_t wanted = 0) {
    console.line("FAILED ", what, ": ", got, " instead of ", wanted, " in round ",
                 std::uint64_t{rounds_done});
    console.end(false);
}
void must(Error error, const char* what) {
    if (error != Error::Ok) fail(what, static_cast<std::uint64_t>(error), 0);
}

Slot in_round(unsigned which, unsigned index = 0) { return round_first + which + index; }

std::uint64_t free_bytes(Slot slot) { return native::identify(slot).value.free_bytes; }

std::uint64_t total_calls() {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < kAllWorkers; ++i) sum += control().calls[i];
    return sum;
}

Slot make(ObjectType type, unsigned bits = 0, unsigned count = 1) {
    const Slot slot = next_slot;
    next_slot += count;
    must(native::retype(untyped, type, bits, slot, count), "an object is made");
    return slot;
}

// ---- the workers' image: a copy of this program's own

/// The frames, mapped here for good and, by copies of their capabilities, into the workers' space.
void prepare_image() {
    const auto start = reinterpret_cast<std::uint64_t>(__executable_start);
    const std::uint64_t pages = (reinterpret_cast<std::uint64_t>(end) - start + 0xFFF) >> 12;
    text_pages =
        static_cast<unsigned>((reinterpret_cast<std::uint64_t>(etext) - start + 0xFFF) >> 12);
    code_pages = static_cast<Slot>(pages);
    const Slot frames = make(ObjectType::Frame, 12, code_pages);
    code_first = next_slot;
    next_slot += code_pages;
    for (Slot i = 0; i < code_pages; ++i) {
        must(native::map(frames + i, kSpace, kImageWindow + i * 0x1000ULL, kReadWrite), "image");
        must(native::copy(frames + i, Rights::All, code_first + i), "image");
    }
}

/// Segments have gaps between them; the program headers, which are part of the image, tell.
bool is_in_image(std::uint64_t page) {
    const auto headers = *reinterpret_cast<const std::uint64_t*>(__executable_start + 32);
    const auto count = *reinterpret_cast<const std::uint16_t*>(__executable_start + 56);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned char* header = __executable_start + headers + i * 56;
        const auto address = *reinterpret_cast<const std::uint64_t*>(header + 16);
        const auto size = *reinterpret_cast<const std::uint64_t*>(header + 40);
        constexpr std::uint32_t kLoad = 1;
        if (*reinterpret_cast<const std::uint32_t*>(header) == kLoad && address < page + 0x1000 &&
            page < address + size) {
            return true;
        }
    }
    return false;
}

void fill_image(Slot first_page) {
    const auto start = reinterpret_cast<std::uint64_t>(__executable_start);
    for (Slot i = first_page; i < code_pages; ++i) {
        if (!is_in_image(start + i * 0x1000ULL)) continue;
        const auto* from = reinterpret_cast<const std::uint64_t*>(start + i * 0x1000ULL);
        auto* to = reinterpret_cast<std::uint64_t*>(kImageWindow + i * 0x1000ULL);
        // What this program's own stacks hold of the secret is not for the workers.
        for (unsigned word = 0; word < 512; ++word)
            to[word] = is_secret(from[word]) ? 0 : from[word];
    }
}

// ---- one round

Error start_worker(unsigned index, std::uint64_t priority) {
    const abi::ThreadConfiguration configuration{in_round(kRoundSpace),
                                                 in_round(kRoundCNode, index % 2),
                                                 in_round(kRoundBuffer, index),
                                                 fault_endpoint,
                                                 index + 1,
                                                 kBufferAddress + index * 0x1000,
                                                 0,
                                                 static_cast<std::uint32_t>(priority),
                                                 120};
    const Slot thread = in_round(kRoundThread, index);
    Error error = native::thread_configure(thread, configuration);
    if (error != Error::Ok) return error;
    error = native::thread_set_context(
        thread, {reinterpret_cast<std::uint64_t>(worker_entry),
                 reinterpret_cast<std::uint64_t>(worker_stacks[index]) + kStackBytes, index, 0});
    if (error != Error::Ok) return error;
    return native::thread_control(thread, ThreadOperation::Resume);
}

/// In the middle of a round the slot may be in use, or what was to be granted gone.
bool grants_must_succeed;

void grant(unsigned node, Slot source, WorkerSlot destination, std::uint64_t badge = 0,
           Rights rights = Rights::All) {
    const Error error =
        native::mint(source, rights, badge, destination, in_round(kRoundCNode, node));
    if (grants_must_succeed) must(error, "a grant");
}

void grant_all(unsigned node) {
    grant(node, in_round(kRoundCNode, node), kOwnCNode);
    grant(node, in_round(kRoundCNode, 1 - node), kOtherCNode);
    grant(node, in_round(kRoundSpace), kOwnSpace);
    grant(node, in_round(kRoundSpace, 1), kSecondSpace);
    grant(node, in_round(kRoundMemory, node), kUntyped);
    grant(node, in_round(kRoundEndpoint), kEndpoint1);
    grant(node, in_round(kRoundEndpoint, 1), kEndpoint2);
    grant(node, in_round(kRoundNotification), kNotification1);
    grant(node, lasting_notification, kNotification2, 4);
    grant(node, in_round(kRoundReply), kReply1);
    grant(node, lasting_reply, kReply2);
    if (hv_root != 0) grant(node, hv_root, kHv, 1 + node);
    grant(node, irq_control, kIrqControl);
    grant(node, lasting_irq, kIrq);
    if (rights::kHasPorts) grant(node, worker_ports, kPorts);
    grant(node, fault_endpoint, kFaultEndpoint, 0, Rights::Write | Rights::Grant);
    for (unsigned i = 0; i < kWorkers; ++i) {
        grant(node, in_round(kRoundThread, i), static_cast<WorkerSlot>(kThread0 + i));
        grant(node, in_round(kRoundBuffer, i), static_cast<WorkerSlot>(kBuffer0 + i));
    }
}

void begin_round() {
    const auto from = [&](Slot source, ObjectType type, unsigned bits, unsigned which,
                          unsigned count) {
        must(native::retype(source, type, bits, in_round(which), count), "a round's object");
    };
    from(pool, ObjectType::Untyped, kUntypedBits, kRoundUntyped, 1);
    // In every second round the workers can revoke the memory they live on.
    const bool suicidal = rounds_done % 2 != 0;
    const Slot source = suicidal ? in_round(kRoundUntyped) : pool;
    from(source, ObjectType::CNode, kCNodeBits, kRoundCNode, 2);
    from(source, ObjectType::AddressSpace, kSpaceBits, kRoundSpace, 2);
    from(source, ObjectType::Thread, 0, kRoundThread, kWorkers);
    from(source, ObjectType::Frame, 12, kRoundBuffer, kWorkers);
    from(source, ObjectType::Endpoint, 0, kRoundEndpoint, 2);
    from(source, ObjectType::Notification, 0, kRoundNotification, 2);
    from(source, ObjectType::Reply, 0, kRoundReply, 2);
    from(in_round(kRoundUntyped), ObjectType::Untyped, kMemoryBits, kRoundMemory, 2);
    grants_must_succeed = true;
    grant_all(0);
    grant_all(1);
    fill_image(text_pages);
    const auto start = reinterpret_cast<std::uint64_t>(__executable_start);
    for (Slot i = 0; i < code_pages; ++i) {
        const auto flags =
            i < text_pages ? abi::MapFlags::Read | abi::MapFlags::Execute : kReadWrite;
        must(native::map(code_first + i, in_round(kRoundSpace), start + i * 0x1000ULL, flags),
             "the workers' image");
    }
    must(native::map(control_copy, in_round(kRoundSpace), kControlAddress, kReadWrite), "control");
    for (unsigned i = 0; i < kWorkers; ++i) {
        must(native::map(in_round(kRoundBuffer, i), in_round(kRoundSpace),
                         kBufferAddress + i * 0x1000, kReadWrite),
             "a buffer");
    }
    must(start_worker(0, 20 + meddling.below(100)), "a worker starts");
    // Those that run already, on other processors, may have done anything to the others.
    for (unsigned i = 1; i < kWorkers; ++i) start_worker(i, 20 + meddling.below(100));
}

/// Gets workers going again that wait for good, were suspended or ended.
void revive() {
    count(revivals);
    grants_must_succeed = false;
    const auto node = static_cast<unsigned>(meddling.below(2));
    if (meddling.one_in(8)) native::revoke(in_round(kRoundMemory, node));
    grant_all(node);
    for (unsigned i = 0; i < kWorkers; ++i) {
        const Slot thread = in_round(kRoundThread, i);
        if (!meddling.one_in(4)) native::thread_control(thread, ThreadOperation::Suspend);
        native::thread_control(thread, ThreadOperation::SetPriority, 20 + meddling.below(100));
        if (native::thread_control(thread, ThreadOperation::Resume) == Error::InvalidState)
            start_worker(i, 20 + meddling.below(100));
    }
}

/// What a driver with all authority may do at any moment.
void meddle() {
    const auto worker = static_cast<unsigned>(meddling.below(kWorkers));
    const Slot thread = in_round(kRoundThread, worker);
    switch (meddling.below(100)) {
        case 0:
            native::revoke(in_round(kRoundUntyped));
            break;
        case 1:
            native::revoke(in_round(kRoundSpace));
            break;
        case 2:
            native::delete_capability(thread);
            break;
        case 3:
            native::revoke(thread);
            break;
        case 4:
            native::revoke(in_round(kRoundBuffer, worker));
            break;
        case 5:
            native::revoke(in_round(kRoundEndpoint));
            break;
        case 6:
            native::delete_capability(in_round(kRoundReply));
            break;
        case 7:
            native::revoke(in_round(kRoundCNode, worker % 2));
            break;
        case 8:
            native::unmap(code_first + static_cast<Slot>(meddling.below(code_pages)));
            break;
        case 9:
        case 10:
        case 11:
        case 12:
            native::signal(in_round(kRoundNotification, worker % 2));
            break;
        case 13:
        case 14:
            native::thread_control(thread, ThreadOperation::Suspend);
            break;
        case 15:
            native::revoke(lasting_irq);
            break;
        case 16:
            if (hv_root != 0) native::revoke(hv_root);
            break;
        default:
            native::thread_control(thread, ThreadOperation::SetPriority, 20 + meddling.below(100));
            break;
    }
}

/// Interrupts that can still be claimed.
std::uint64_t count_interrupts() {
    const Slot first = in_round(0);
    Slot claimed = 1;
    must(native::irq_claim(irq_control, kIrqLine, first), "a free line is claimed");
    while (rights::claim_free_interrupt(irq_control, first + claimed, 1 + claimed) == Error::Ok)
        ++claimed;
    for (Slot i = 0; i < claimed; ++i) must(native::delete_capability(first + i), "an interrupt");
    return claimed;
}

/// VMs of either set of workers that the kernel still knows.
bool has_vms() {
    for (unsigned node = 0; node < 2; ++node) {
        const Slot minted = in_round(0), list = in_round(1);
        must(native::mint(hv_root, Rights::All, 1 + node, minted), "hv:");
        abi::IpcBuffer& buffer = native::ipc_buffer();
        auto* path = reinterpret_cast<char*>(&buffer.words[abi::kRegisterWords]);
        path[0] = 'v';
        path[1] = 'm';
        buffer.receive_first = list;
        buffer.receive_count = 1;
        native::Message message{
            abi::MessageInfo{static_cast<std::uint32_t>(abi::scheme::Operation::Open), 5},
            {0, 2, 0, 0}};
        must(native::call(minted, message), "hv:/vm");
        const std::uint64_t length = message.mr[0];
        native::delete_capability(list);
        native::delete_capability(minted);
        if (message.info.label() != 0 || length != 0) return true;
    }
    return false;
}

/// What the workers did to objects that stay must have ended with them.
void check_lasting_objects() {
    must(native::thread_control(0, ThreadOperation::BindNotification, lasting_notification),
         "binding a notification that is free");
    must(native::thread_control(0, ThreadOperation::BindNotification, 0), "unbinding it");
    native::signal(lasting_notification);
    must(native::wait(lasting_notification, 0).error, "a signal without waiters stays");
    const Error answered = native::reply(lasting_reply, {});
    if (answered != Error::InvalidState) fail("somebody was answered");
    must(native::irq_bind(lasting_irq, alarm), "binding an interrupt");
    must(native::irq_bind(lasting_irq, 0), "unbinding it");
}

/// Nobody in the kernel may still know memory that was taken back: pointers read from it would lead
/// nowhere, and what is written to it would show. Nor may the next round's workers see what was in
/// it.
void check_unused_memory() {
    const Slot frame = in_round(0);
    must(native::retype(pool, ObjectType::Frame, kPoolBits, frame), "all memory in one frame");
    must(native::map(frame, kSpace, kPoisonAddress, kReadWrite), "all memory in one frame");
    auto* words = reinterpret_cast<volatile std::uint64_t*>(kPoisonAddress);
    for (std::uint64_t i = 0; i < pool_size / 8; ++i) {
        if (words[i] != 0) fail("not zero, at", i * 8);
        words[i] = secret();
    }
    check_lasting_objects();
    // Others run meanwhile, and timers fire.
    const std::uint64_t until = native::ticks() + ticks_per_second / 2000;
    while (native::ticks() < until) native::wait(alarm, until);
    for (std::uint64_t i = 0; i < pool_size / 8; ++i) {
        if (words[i] != secret()) fail("written after its end, at", i * 8);
    }
    must(native::revoke(pool), "revoking the pool");
}

void end_round(std::uint64_t interrupts) {
    must(native::revoke(pool), "revoking the pool");
    if (free_bytes(pool) != pool_size) fail("bytes free", free_bytes(pool), pool_size);
    if (free_bytes(untyped) != free_outside)
        fail("bytes free outside", free_bytes(untyped), free_outside);
    for (unsigned i = 0; i <= kRoundEnd; ++i) {
        if (native::identify(in_round(i))) fail("a capability is left", i);
    }
    if (control().leak != Leak::None)
        fail("somebody else's memory was seen: kind",
             static_cast<std::uint64_t>(Leak{control().leak}));
    if (const std::uint64_t now = count_interrupts(); now != interrupts)
        fail("interrupts free", now, interrupts);
    if (hv_root != 0 && has_vms()) fail("a virtual machine is left");
    if (rounds_done % 4 == 0) check_unused_memory();
    check_lasting_objects();
}

void run_round(std::uint64_t wanted) {
    const std::uint64_t limit = total_calls() + wanted;
    const std::uint64_t time_limit = native::ticks() + ticks_per_second;
    std::uint64_t idle = 0;
    while (total_calls() < limit && native::ticks() < time_limit && idle < 10) {
        const std::uint64_t before = total_calls();
        const auto woken = native::wait(alarm, native::ticks() + ticks_per_second / 1000);
        idle = total_calls() == before ? idle + 1 : 0;
        if (woken) revive();
        meddle();
    }
}

// ---- the driver's own threads

/// Runs only when nothing else can: all workers wait, or are stopped.
extern "C" [[noreturn]] void idle_helper() {
    for (;;) native::signal(alarm);
}

/// Starts workers again that faulted, and answers whatever else they send.
extern "C" [[noreturn]] void healer() {
    for (;;) {
        const native::Received received = native::recv(fault_endpoint, fault_reply);
        if (received.error != Error::Ok) continue;
        const bool fault = received.message.info.label() == abi::kFaultLabel;
        if (fault) count(faults);
        const std::uint64_t index = received.badge - 1;
        if (!fault) {
            native::reply(fault_reply, {abi::MessageInfo{0, 4}, {1, 2, 3, 4}});
        } else if (index < kWorkers) {
            const Slot thread = in_round(kRoundThread, static_cast<unsigned>(index));
            native::thread_control(thread, ThreadOperation::Suspend);
            native::map(in_round(kRoundBuffer, static_cast<unsigned>(index)), in_round(kRoundSpace),
                        kBufferAddress + index * 0x1000, kReadWrite);
            native::thread_set_context(
                thread,
                {reinterpret_cast<std::uint64_t>(worker_entry),
                 reinterpret_cast<std::uint64_t>(worker_stacks[index]) + kStackBytes, index, 0});
            native::thread_control(thread, ThreadOperation::Resume);
        }
    }
}

extern "C" [[noreturn]] void watchdog() {
    std::uint64_t last = ~std::uint64_t{0}, since = native::ticks();
    for (;;) {
        native::wait(watchdog_alarm, native::ticks() + 2 * ticks_per_second);
        const std::uint64_t now = total_calls();
        console.line("round ", std::uint64_t{rounds_done}, ", calls ", now, ", faults ",
                     std::uint64_t{faults}, ", revivals ", std::uint64_t{revivals});
        if (rounds_done != last) {
            last = rounds_done;
            since = native::ticks();
        } else if (native::ticks() - since > kStuckSeconds * ticks_per_second) {
            fail("no progress");
        }
    }
}
/// A process that has nothing to do with the workers: all its registers are secret. What it does
/// with its memory and messages is none of their business either.
extern "C" [[noreturn]] void bystander() {
    abi::IpcBuffer& buffer = native::ipc_buffer();
    for (auto& word : buffer.words) word = secret();
    for (std::uint64_t bursts = 0;; ++bursts) {
        fill_registers(secret());
        // Not to run for a while: the idle thread looks for whether anybody does.
        native::wait(bystander_alarm, native::ticks() + ticks_per_second / 20000);
        if (bursts % 8 == 0) {
            native::Message message{abi::MessageInfo{1, 400},
                                    {secret(), secret(), secret(), secret()}};
            native::call(bystander_endpoint, message);
        }
    }
}
/// The other side of its calls, in the same process.
extern "C" [[noreturn]] void confidant() {
    for (;;) {
        native::recv(bystander_endpoint, bystander_reply);
        for (auto& word : native::ipc_buffer().words) word = secret();
        native::reply(bystander_reply,
                      {abi::MessageInfo{1, 400}, {secret(), secret(), secret(), secret()}});
    }
}
asm("bystander_entry: call bystander\n"
    "confidant_entry: call confidant\n"
    "idle_entry: call idle_helper\n"
    "healer_entry: call healer\n"
    "watchdog_entry: call watchdog\n");
extern "C" void idle_entry(), healer_entry(), watchdog_entry(), bystander_entry(),
    confidant_entry();

Slot start_helper(unsigned index, void (*entry)(), std::uint32_t priority) {
    const Slot buffer = make(ObjectType::Frame, 12), thread = make(ObjectType::Thread);
    const std::uint64_t address = kOwnBuffers + index * 0x1000ULL;
    must(native::map(buffer, kSpace, address, kReadWrite), "a helper's buffer");
    must(native::thread_configure(thread,
                                  {kSpace, kCNode, buffer, 0, 0, address, 0, priority, priority}),
         "a helper");
    must(native::thread_set_context(
             thread, {reinterpret_cast<std::uint64_t>(entry),
                      reinterpret_cast<std::uint64_t>(helper_stacks[index]) + 4096, 0, 0}),
         "a helper");
    return thread;
}

void report(std::uint64_t ticks) {
    constexpr const char* kNames[] = {"Call",
                                      "ReplyRecv",
                                      "Recv",
                                      "Reply",
                                      "Signal",
                                      "Wait",
                                      "Yield",
                                      "Retype",
                                      "CapCopy",
                                      "CapDelete",
                                      "CapRevoke",
                                      "CapIdentify",
                                      "Map",
                                      "Unmap",
                                      "ThreadConfigure",
                                      "ThreadControl",
                                      "IrqControl",
                                      "PortIo",
                                      "VcpuRun",
                                      "VcpuControl",
                                      "SystemInfo",
                                      "Exit",
                                      "SchedulingControl"};
    for (unsigned i = 0; i < kCalls; ++i) {
        console.line(kNames[i], ": ok ", std::uint64_t{control().accepted[i]}, ", refused ",
                     std::uint64_t{control().refused[i]});
    }
    console.report_lock();
    const std::uint64_t milliseconds = ticks / (ticks_per_second / 1000) + 1;
    console.line("rounds ", std::uint64_t{rounds_done}, ", calls ", total_calls(), ", faults ",
                 std::uint64_t{faults}, ", revivals ", std::uint64_t{revivals}, ", ms ",
                 milliseconds, ", calls per second ", total_calls() * 1000 / milliseconds);
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    irq_control = boot->irq_control_slot;
    hv_root = boot->hv_slot;
    next_slot = boot->first_free_slot;
    redoubt::probe::initialize_machine(*boot, next_slot);
    ticks_per_second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    untyped = largest_untyped(*boot);
    const std::uint64_t seed = option(*boot, "seed", 1) * 0x9E37'79B9'7F4A'7C15ULL | 1;
    const std::uint64_t rounds = option(*boot, "rounds", 100);
    const std::uint64_t calls = option(*boot, "calls", 20000);
    meddling = {seed};

    pool = make(ObjectType::Untyped, kPoolBits);
    pool_size = std::uint64_t{1} << kPoolBits;
    prepare_image();
    const Slot control_frame = make(ObjectType::Frame, 12);
    control_copy = next_slot++;
    worker_ports = next_slot++;
    must(native::map(control_frame, kSpace, kControlAddress, kReadWrite), "control");
    must(native::copy(control_frame, Rights::All, control_copy), "control");
    if (boot->io_port_slot != 0)
        must(native::mint(boot->io_port_slot, Rights::All, 0x8F'0080, worker_ports), "ports");
    for (unsigned i = 0; i < kAllWorkers; ++i) control().random[i].state = meddling.next() | 1;
    fault_endpoint = make(ObjectType::Endpoint);
    fault_reply = make(ObjectType::Reply);
    alarm = make(ObjectType::Notification);
    watchdog_alarm = make(ObjectType::Notification);
    bystander_alarm = make(ObjectType::Notification);
    bystander_endpoint = make(ObjectType::Endpoint);
    bystander_reply = make(ObjectType::Reply);
    lasting_notification = make(ObjectType::Notification);
    lasting_reply = make(ObjectType::Reply);
    lasting_irq = next_slot++;
    must(rights::claim_free_interrupt(irq_control, lasting_irq, 0), "an interrupt");
    const Slot helpers[] = {start_helper(0, idle_entry, kIdlePriority),
                            start_helper(1, healer_entry, kHealerPriority),
                            start_helper(2, watchdog_entry, kWatchdogPriority),
                            start_helper(3, bystander_entry, kBystanderPriority),
                            start_helper(4, confidant_entry, kBystanderPriority)};
    round_first = next_slot;
    if (option(*boot, "vectors", 0) != 0) use_vectors();
    fill_image(0);
    free_outside = free_bytes(untyped);
    const std::uint64_t interrupts = count_interrupts();
    // The healer must not take a thread of the next round for one of the last: it runs only where
    // the driver does, when that waits.
    must(native::thread_control(0, ThreadOperation::SetAffinity, 1), "staying on a processor");
    must(native::thread_control(helpers[1], ThreadOperation::SetAffinity, 1), "the healer's place");
    for (const Slot helper : helpers) {
        must(native::thread_control(helper, ThreadOperation::Resume), "a helper starts");
    }
    const std::uint64_t start = native::ticks();
    for (rounds_done = 0; rounds_done < rounds; count(rounds_done)) {
        begin_round();
        run_round(calls);
        end_round(interrupts);
    }
    const std::uint64_t ticks = native::ticks() - start;
    native::thread_control(helpers[2], ThreadOperation::Suspend);
    report(ticks);
    console.end(true);
}

}  // namespace

}  // namespace redoubt::fuzz
