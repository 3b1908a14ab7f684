// An init that puts a kernel on several processors under stress: on each of them threads that map,
// call, signal, suspend, move, destroy and run guests, with partners on the next one. After the
// time is over everything is taken back and counted.
//
// Command line: seed=, seconds=; guests=N: instead of these, N guests on each processor that get
// interrupts from the next one; vectors=1 where there are vector registers. A thread of high
// priority ends the machine if some thread makes no progress. With `lock-statistics` the kernel's
// figures are printed, and no system call takes its short way.
#include "tests/system/smp/guest.hpp"
#include "tests/system/smp/stress.hpp"

extern "C" void stress_task();

namespace redoubt::stress {
namespace {

constexpr std::uint64_t kWindows = 0x4000'0000, kBuffers = 0x2000'0000;
constexpr std::uint32_t kPriority = 100, kWatchdogPriority = 190;
constexpr std::uint64_t kStuckSeconds = 90;

fuzz::Console console;
Slot untyped, next_slot, fault_endpoint, fault_reply, alarm_object, hv;
unsigned task_count, processor_count;
std::uint64_t frequency;
volatile bool ending;  ///< everything is being taken back: nothing works any more
Task tasks[kMaximumTasks];
alignas(16) unsigned char stacks[kMaximumTasks][kStackBytes];

[[noreturn]] void fail_driver(const char* what, std::uint64_t got = 0) {
    console.line("FAILED ", what, ": ", got);
    console.end(false);
}
void must(Error error, const char* what) {
    if (error != Error::Ok) fail_driver(what, static_cast<std::uint64_t>(error));
}
std::uint64_t free_bytes(Slot which) { return native::identify(which).value.free_bytes; }

Error start(Slot thread, Slot buffer, std::uint64_t address, void (*entry)(), std::uint64_t stack,
            std::uint64_t argument, std::uint32_t priority, unsigned processor, Slot faults) {
    if (const Error error = native::map(buffer, kSpace, address, kReadWrite); error != Error::Ok)
        return error;
    Error error = native::thread_configure(
        thread, {kSpace, kCNode, buffer, faults, 0, address, 0, priority, priority});
    if (error == Error::Ok)
        error = native::thread_set_context(
            thread, {reinterpret_cast<std::uint64_t>(entry), stack, argument, 0});
    if (error == Error::Ok)
        error = native::thread_control(thread, ThreadOperation::SetAffinity, 1ULL << processor);
    if (error == Error::Ok) error = native::thread_control(thread, ThreadOperation::Resume);
    return error;
}

/// Runs with the stack below; never returns.
extern "C" [[noreturn]] void run_stress_task(Task* task) {
    task->body(*task);
    fail(*task, "it returned");
}
asm("stress_task: call run_stress_task\n");

Task& add_task(const char* name, unsigned processor, void (*body)(Task&)) {
    if (task_count == kMaximumTasks) fail_driver("too many tasks", task_count);
    Task& task = tasks[task_count];
    task.index = task_count++;
    task.processor = processor;
    task.name = name;
    task.body = body;
    task.thread = next_slot;
    task.pool = next_slot + 2;
    task.first = next_slot + 3;
    task.window = kWindows + task.index * kWindowBytes;
    next_slot += kSlotsPerTask;
    return task;
}

void add_pair(const char* name, const char* other_name, unsigned processor, void (*body)(Task&),
              void (*other_body)(Task&)) {
    Task& task = add_task(name, processor, body);
    Task& other = add_task(other_name, (processor + 1) % processor_count, other_body);
    task.partner = &other;
    other.partner = &task;
}

void add_interrupts(unsigned processor) {
    add_pair("interrupts", "device", processor, deliver_interrupts, raise_interrupts);
    Task &device = tasks[task_count - 1], &guest = *device.partner;
    for (unsigned i = 0; i < 2; ++i)
        guest.shared[i] = device.shared[i] = make_lasting(ObjectType::Notification);
}

void add_tasks(unsigned processor) {
    add_task("memory", processor, map_and_revoke);
    add_pair("swap", "watch", processor, swap_mappings, watch_mappings);
    add_pair("call", "serve", processor, call_others, serve_calls);
    Task& server = tasks[task_count - 1];
    server.shared[0] = make_lasting(ObjectType::Endpoint);
    server.shared[1] = make_lasting(ObjectType::Reply);
    add_pair("ping", "pong", processor, play_ping_pong, play_ping_pong);
    Task &pong = tasks[task_count - 1], &ping = *pong.partner;
    ping.shared[0] = pong.shared[1] = make_lasting(ObjectType::Notification);
    ping.shared[1] = pong.shared[0] = make_lasting(ObjectType::Notification);
    ping.shared[2] = 1;
    add_task("threads", processor, torment_threads);
    if (hv != 0) add_task("guests", processor, torment_guests);
}

void start_tasks(std::uint64_t seed) {
    Random random{seed * 0x9E37'79B9'7F4A'7C15ULL | 1};
    for (unsigned i = 0; i < task_count; ++i) {
        Task& task = tasks[i];
        task.random = {random.next() | 1};
        must(native::retype(untyped, ObjectType::Thread, 0, task.thread), "a thread");
        must(native::retype(untyped, ObjectType::Frame, 12, task.thread + 1), "a buffer");
        must(native::retype(untyped, ObjectType::Untyped, kPoolBits, task.pool), "a pool");
    }
    for (unsigned i = 0; i < task_count; ++i) {
        Task& task = tasks[i];
        must(start(task.thread, task.thread + 1, kBuffers + i * 0x1000ULL, stress_task,
                   reinterpret_cast<std::uint64_t>(stacks[i]) + kStackBytes,
                   reinterpret_cast<std::uint64_t>(&task), kPriority, task.processor,
                   fault_endpoint),
             "a task");
    }
}

/// Faults come from those who look at what is being taken away: they look again.
[[noreturn]] void answer_faults() {
    for (;;) {
        const native::Received received = native::recv(fault_endpoint, fault_reply);
        if (received.error != Error::Ok) continue;
        if (received.message.mr[0] != static_cast<std::uint64_t>(abi::FaultKind::PageFault) &&
            !ending)
            fail_driver("a fault of kind", received.message.mr[0]);
        native::reply(fault_reply, {});
    }
}
extern "C" [[noreturn]] void run_fault_handler() { answer_faults(); }
asm("fault_handler_entry: call run_fault_handler\n");
extern "C" void fault_handler_entry();

/// Lets the test run; everybody must get on meanwhile.
void watch(std::uint64_t seconds) {
    static std::uint64_t last[kMaximumTasks], since[kMaximumTasks];
    const std::uint64_t end = native::ticks() + seconds * frequency;
    for (unsigned i = 0; i < task_count; ++i) since[i] = native::ticks();
    static std::uint64_t at_end[kMaximumTasks];
    bool over = false, everybody = false;
    // However slow the machine is: nobody is done before all have got on, in the end too.
    while (!everybody) {
        native::wait(alarm_object, native::ticks() + frequency / 4);
        if (!over && native::ticks() >= end) {
            over = true;
            for (unsigned i = 0; i < task_count; ++i) at_end[i] = tasks[i].progress;
        }
        everybody = over;
        for (unsigned i = 0; i < task_count; ++i) {
            const std::uint64_t now = tasks[i].progress;
            everybody &= now >= 2 && now != at_end[i];
            if (now != last[i]) {
                last[i] = now;
                since[i] = native::ticks();
            } else if (native::ticks() - since[i] > kStuckSeconds * frequency) {
                fail(tasks[i], "no progress after", now);
            }
        }
    }
}

void report() {
    console.report_lock();
    for (unsigned i = 0; i < task_count; ++i)
        console.line(tasks[i].name, " on ", std::uint64_t{tasks[i].processor}, ": ",
                     std::uint64_t{tasks[i].progress});
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    hv = boot->hv_slot;
    next_slot = boot->first_free_slot;
    redoubt::probe::initialize_machine(*boot, next_slot);
    frequency = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    processor_count =
        static_cast<unsigned>(native::system_info(abi::SystemInfoKind::ProcessorCount));
    untyped = next_slot++;
    must(native::retype(fuzz::largest_untyped(*boot), ObjectType::Untyped, 28, untyped), "memory");
    const std::uint64_t before = free_bytes(untyped);
    fault_endpoint = make_lasting(ObjectType::Endpoint);
    fault_reply = make_lasting(ObjectType::Reply);
    alarm_object = make_lasting(ObjectType::Notification);
    const std::uint64_t guests = fuzz::option(*boot, "guests", 0);
    for (unsigned i = 0; i < processor_count; ++i) {
        if (guests == 0) add_tasks(i);
        for (std::uint64_t j = 0; j < guests; ++j) add_interrupts(i);
    }
    const Slot handler = next_slot++, handler_buffer = next_slot++;
    must(native::retype(untyped, ObjectType::Thread, 0, handler), "the fault handler");
    must(native::retype(untyped, ObjectType::Frame, 12, handler_buffer), "the fault handler");
    alignas(16) static unsigned char handler_stack[kStackBytes];
    must(start(handler, handler_buffer, kBuffers + kMaximumTasks * 0x1000ULL, fault_handler_entry,
               reinterpret_cast<std::uint64_t>(handler_stack) + kStackBytes, 0, kWatchdogPriority,
               0, 0),
         "the fault handler");
    if (fuzz::option(*boot, "vectors", 0) != 0) use_vectors();
    start_tasks(fuzz::option(*boot, "seed", 1));
    watch(fuzz::option(*boot, "seconds", 5));
    // Everybody and everything at once, whatever it is doing.
    ending = true;
    must(native::revoke(untyped), "the end");
    if (free_bytes(untyped) != before) fail_driver("bytes free", free_bytes(untyped));
    const std::uint64_t stopped = native::ticks();
    static std::uint64_t last[kMaximumTasks];
    for (unsigned i = 0; i < task_count; ++i) last[i] = tasks[i].progress;
    while (native::ticks() < stopped + frequency / 50) {
    }
    for (unsigned i = 0; i < task_count; ++i) {
        if (tasks[i].progress != last[i]) fail(tasks[i], "it runs without memory");
    }
    report();
    console.end(true);
}

}  // namespace

unsigned processors() { return processor_count; }
std::uint64_t ticks_per_second() { return frequency; }
Slot hv_root() { return hv; }

void fail(const Task& task, const char* what, std::uint64_t got) {
    if (ending) native::exit_thread();
    console.line("FAILED ", task.name, " on ", std::uint64_t{task.processor}, ": ", what, ": ",
                 got);
    console.end(false);
}

Slot make_lasting(ObjectType type, unsigned size_bits) {
    const Slot slot = next_slot++;
    must(native::retype(untyped, type, size_bits, slot), "an object");
    return slot;
}

void make_thread(Task& owner, Slot at, std::uint64_t buffer, void (*entry)(), std::uint64_t stack,
                 std::uint64_t argument, unsigned processor) {
    must(owner, native::retype(owner.pool, ObjectType::Thread, 0, at), "a thread");
    must(owner, native::retype(owner.pool, ObjectType::Frame, 12, at + 1), "a thread's buffer");
    must(owner,
         start(at, at + 1, buffer, entry, stack, argument, kPriority, processor, fault_endpoint),
         "starting a thread");
}

}  // namespace redoubt::stress
