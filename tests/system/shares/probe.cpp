// An init that measures how much processor time threads get whose SchedulingContexts give them a
// share or a limit, by counters of their own. Prints a line for each finding and ends the machine
// with 0 if everything held.
#include "tests/system/fuzz/support.hpp"

extern "C" void shares_thread();

namespace redoubt::fuzz {
namespace {

using abi::Error;
using abi::ObjectType;

constexpr std::uint64_t kBuffers = 0x2000'0000;
constexpr std::uint32_t kPriority = 100;
constexpr std::uint64_t kPeriodsPerSecond = 20;
constexpr unsigned kMaximumThreads = 8, kStackBytes = 4096;

Console console;
Slot pool, next_slot, endpoint;
std::uint64_t second, processors;
unsigned failures, threads;
volatile std::uint64_t counts[kMaximumThreads];
alignas(16) unsigned char stacks[kMaximumThreads][kStackBytes];

void must(Error error, const char* what) {
    if (error == Error::Ok) return;
    console.line("FAILED ", what, ": ", static_cast<std::uint64_t>(error));
    console.end(false);
}

void check_about(const char* what, std::uint64_t got, std::uint64_t expected,
                 std::uint64_t tolerance) {
    const bool held = got + tolerance >= expected && got <= expected + tolerance;
    console.line(held ? "ok " : "FAILED ", what, ": ", got, " of about ", expected);
    if (!held) ++failures;
}

// ---- what threads do

void spin(unsigned index) {
    for (;;) counts[index] = counts[index] + 1;
}

/// Makes as many entries into the kernel as it can, at a priority above others.
void flood(unsigned index) {
    for (;;) {
        native::signal(endpoint + 3);
        native::wait(endpoint + 3, 0);
        counts[index] = counts[index] + 1;
    }
}

void serve(unsigned) {
    native::Received got = native::recv(endpoint, endpoint + 1);
    for (;;) got = native::reply_recv(endpoint, endpoint + 1, {});
}

void call(unsigned index) {
    for (;;) {
        native::Message message{abi::MessageInfo{1, 0}, {}};
        native::call(endpoint, message);
        counts[index] = counts[index] + 1;
    }
}

void (*bodies[kMaximumThreads])(unsigned);

extern "C" [[noreturn]] void run_shares_thread(unsigned index) {
    bodies[index](index);
    native::exit_thread();
}
asm("shares_thread: call run_shares_thread\n");

// ---- scenes

Slot make(ObjectType type, unsigned bits = 0) {
    must(native::retype(pool, type, bits, next_slot), "an object");
    return next_slot++;
}

/// weight; limit in thousandths of one processor, 0: none.
Slot make_context(std::uint32_t weight, std::uint64_t limit = 0) {
    const Slot context = make(ObjectType::SchedulingContext);
    const std::uint64_t period = second / kPeriodsPerSecond;
    must(native::scheduling_configure(context, weight, period * limit / 1000, period),
         "configuring a context");
    return context;
}

Slot start(void (*body)(unsigned), Slot context, std::uint32_t priority = kPriority) {
    const unsigned index = threads++;
    const Slot thread = make(ObjectType::Thread);
    const Slot buffer = make(ObjectType::Frame, 12);
    const std::uint64_t address = kBuffers + index * 0x1000;
    must(native::map(buffer, kSpace, address, kReadWrite), "a buffer");
    must(native::thread_configure(thread,
                                  {kSpace, kCNode, buffer, 0, 0, address, 0, priority, priority}),
         "a thread");
    if (context != 0)
        must(native::thread_control(thread, abi::ThreadOperation::SetScheduling, context),
             "binding a thread");
    bodies[index] = body;
    must(native::thread_set_context(
             thread, {reinterpret_cast<std::uint64_t>(shares_thread),
                      reinterpret_cast<std::uint64_t>(stacks[index]) + kStackBytes, index, 0}),
         "a start");
    must(native::thread_control(thread, abi::ThreadOperation::Resume), "resuming");
    return thread;
}

std::uint64_t total(unsigned first, unsigned end) {
    std::uint64_t sum = 0;
    for (unsigned i = first; i < end; ++i) sum += counts[i];
    return sum;
}

void run_for(std::uint64_t ticks) {
    for (auto& count : counts) count = 0;
    native::wait(endpoint + 2, native::ticks() + ticks);
}

/// What a context consumes from now on.
struct Consumption {
    Slot context;
    std::uint64_t limit;  ///< thousandths
    std::uint64_t before = native::scheduling_read(context).value.consumed;
    std::uint64_t start = native::ticks();

    std::uint64_t used() const { return native::scheduling_read(context).value.consumed - before; }
};

/// On several processors the clock is the host's, which may stop one of them for a while. But what
/// was used beyond the budget then is missing in the next periods: as soon as one has time again,
/// no more has been used than the budgets of all periods that have begun. How much less it is says
/// nothing of who waits for others.
void check_limit(const char* what, const Consumption& consumption, bool waits = false) {
    const std::uint64_t limit = consumption.limit;
    if (processors == 1) return check_about(what, consumption.used() * 1000 / second, limit, 15);
    const std::uint64_t period = second / kPeriodsPerSecond, budget = period * limit / 1000;
    std::uint64_t used = 0, begun = 0;
    for (unsigned i = 0; i < 100; ++i) {
        used = consumption.used();
        begun = (native::ticks() - consumption.start) / period + 2;
        if (used <= begun * budget) break;
        native::wait(endpoint + 2, native::ticks() + period / 8);
    }
    const bool held = used <= begun * budget && used >= (waits ? 1 : begun * budget / 8);
    console.line(held ? "ok " : "FAILED ", what, ": ", used * 1000 / (begun * period),
                 " of at most ", limit);
    if (!held) ++failures;
}

/// Everything is made of one Untyped and taken back at the end.
void scene(const char* name, void (*body)()) {
    console.line("scene ", name);
    const Slot first = next_slot;
    threads = 0;
    endpoint = make(ObjectType::Endpoint);
    make(ObjectType::Reply);
    make(ObjectType::Notification);  // never signalled
    make(ObjectType::Notification);
    body();
    must(native::revoke(pool), "taking everything back");
    next_slot = first;
}

void weights() {
    for (std::uint64_t i = 0; i < processors; ++i) {
        start(spin, make_context(100));
        start(spin, make_context(300));
    }
    run_for(second);
    std::uint64_t light = 0;
    for (unsigned i = 0; i < threads; i += 2) light += counts[i];
    const std::uint64_t all = total(0, threads);
    if (processors == 1) check_about("weight 100 beside 300, percent", light * 100 / all, 25, 4);
}

void crowd() {
    const Slot many = make_context(100);
    for (unsigned i = 0; i < 4; ++i) start(spin, many);
    start(spin, make_context(100));
    run_for(second);
    if (processors == 1)
        check_about("one thread beside four, percent", counts[4] * 100 / total(0, 5), 50, 5);
}

void limits() {
    const Slot context = make_context(100, 200);
    for (std::uint64_t i = 0; i < processors + 1; ++i) start(spin, context, kPriority + 50);
    const unsigned limited = threads;
    start(spin, 0);
    const Consumption consumption{context, 200};
    run_for(second);
    const auto state = native::scheduling_read(context).value;
    check_limit("limit of 200 thousandths, consumed", consumption);
    if (processors == 1) check_about("its periods without time", state.throttled, 20, 3);
    const std::uint64_t all = total(0, threads);
    // The other one has nearly one processor for itself.
    if (processors == 1)
        check_about("by counters, thousandths", total(0, limited) * 1000 / all, 200, 30);
    must(native::scheduling_configure(context, 100), "lifting the limit");
    run_for(second / 4);
    if (processors == 1) check_about("the other one without limit", counts[limited], 0, 0);
}

void flooding() {
    const Slot context = make_context(100, 100);
    start(spin, 0);
    start(flood, context, kPriority + 50);
    const Consumption consumption{context, 100};
    run_for(second);
    check_limit("who floods the kernel consumes, thousandths", consumption);
}

void service() {
    const Slot context = make_context(100, 50);
    start(serve, 0, kPriority + 10);
    start(call, context);
    start(call, 0);
    const Consumption consumption{context, 50};
    run_for(second);
    check_limit("a caller with a limit, thousandths", consumption, true);
    if (processors == 1)
        check_about("the other caller goes on, percent", counts[2] * 100 / (counts[1] + counts[2]),
                    93, 7);
}

void endings() {
    const Slot memory = make(ObjectType::Untyped, 12);
    const Slot context = next_slot++;
    must(native::retype(memory, ObjectType::SchedulingContext, 0, context), "a context");
    must(native::scheduling_configure(context, 100, second / 1000, second), "its limit");
    for (unsigned i = 0; i < 3; ++i) start(spin, context);
    run_for(second / 10);
    if (processors == 1)
        check_about("it is used up", native::scheduling_read(context).value.throttled, 1, 0);
    must(native::revoke(memory), "revoking the context");
    run_for(second / 10);
    while (counts[0] == 0 || counts[1] == 0 || counts[2] == 0)
        native::wait(endpoint + 2, native::ticks() + second / 100);
    console.line("ok throttled threads go on without their context");
}

}  // namespace

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    next_slot = boot->first_free_slot;
    redoubt::probe::initialize_machine(*boot, next_slot);
    second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    processors = native::system_info(abi::SystemInfoKind::ProcessorCount);
    const Slot untyped = largest_untyped(*boot);
    pool = next_slot++;
    must(native::retype(untyped, ObjectType::Untyped, 20, pool), "the pool");
    scene("weights", weights);
    scene("crowd", crowd);
    scene("limits", limits);
    scene("flooding", flooding);
    scene("service", service);
    scene("endings", endings);
    console.end(failures == 0);
}

}  // namespace redoubt::fuzz
