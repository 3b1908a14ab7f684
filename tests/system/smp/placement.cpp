// An init that checks where threads run when there are several processors: nobody waits while a
// processor that may run it runs somebody worse, or nobody.
//
// All its threads count, without ever giving way; it looks at them from above, on processor 0.
#include "tests/system/fuzz/support.hpp"

namespace redoubt::placement {
namespace {

using abi::Error;
using abi::ObjectType;
using abi::ThreadOperation;
using fuzz::kCNode;
using fuzz::kSpace;
using native::Slot;

constexpr unsigned kThreads = 4;
constexpr std::uint64_t kBuffers = 0x2000'0000, kStackBytes = 4096;
/// However slow the machine is.
constexpr std::uint64_t kPatienceSeconds = 60;
constexpr std::uint64_t kAnywhere = 0, kFirst = 1, kSecond = 2;

fuzz::Console console;
Slot untyped, next_slot, alarm_object;
std::uint64_t frequency;
unsigned thread_count;
volatile std::uint64_t counters[kThreads];
alignas(16) unsigned char stacks[kThreads][kStackBytes];

void must(Error error, const char* what) {
    if (error == Error::Ok) return;
    console.line("FAILED ", what, ": ", static_cast<std::uint64_t>(error));
    console.end(false);
}

extern "C" [[noreturn]] void count_up(volatile std::uint64_t* counter) {
    for (;;) fuzz::count(*counter);
}
asm("count_up_entry: call count_up\n");
extern "C" void count_up_entry();

void sleep() { native::wait(alarm_object, native::ticks() + frequency / 100); }

class Runner {
  public:
    Runner(std::uint32_t priority, std::uint64_t processors) : index_{thread_count++} {
        const Slot buffer = next_slot++;
        thread_ = next_slot++;
        const std::uint64_t address = kBuffers + index_ * 0x1000ULL;
        must(native::retype(untyped, ObjectType::Thread, 0, thread_), "a thread");
        must(native::retype(untyped, ObjectType::Frame, 12, buffer), "a buffer");
        must(native::map(buffer, kSpace, address, fuzz::kReadWrite), "a buffer");
        must(native::thread_configure(
                 thread_, {kSpace, kCNode, buffer, 0, 0, address, 0, priority, priority}),
             "configuring");
        must(native::thread_set_context(
                 thread_, {reinterpret_cast<std::uint64_t>(count_up_entry),
                           reinterpret_cast<std::uint64_t>(stacks[index_]) + kStackBytes,
                           reinterpret_cast<std::uint64_t>(&counters[index_]), 0}),
             "its context");
        control(ThreadOperation::SetAffinity, processors);
        control(ThreadOperation::Resume);
    }

    void control(ThreadOperation operation, std::uint64_t value = 0) const {
        must(native::thread_control(thread_, operation, value), "controlling a thread");
    }
    std::uint64_t count() const { return counters[index_]; }

    void gets_on(const char* what) const {
        const std::uint64_t before = count(), start = native::ticks();
        while (count() == before) {
            if (native::ticks() - start > kPatienceSeconds * frequency) {
                console.line("FAILED ", what);
                console.end(false);
            }
            sleep();
        }
        console.line("ok ", what);
    }

    void waits(const char* what) const {
        sleep();
        const std::uint64_t before = count();
        sleep();
        if (count() == before) return console.line("ok ", what);
        console.line("FAILED ", what);
        console.end(false);
    }

  private:
    unsigned index_;
    Slot thread_;
};

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    next_slot = boot->first_free_slot;
    redoubt::probe::initialize_machine(*boot, next_slot);
    frequency = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    untyped = fuzz::largest_untyped(*boot);
    alarm_object = next_slot++;
    must(native::retype(untyped, ObjectType::Notification, 0, alarm_object), "an alarm");
    must(native::thread_control(0, ThreadOperation::SetAffinity, kFirst), "staying");

    const Runner poor(10, kSecond);
    poor.gets_on("a thread runs on the other processor");
    const Runner good(50, kFirst);
    good.gets_on("a thread runs on this processor");
    good.control(ThreadOperation::SetAffinity, kAnywhere);
    const Runner best(100, kFirst);
    best.gets_on("a better one takes its processor");
    good.gets_on("it goes to where a worse one runs");
    poor.waits("which waits");

    good.control(ThreadOperation::Suspend);
    poor.gets_on("and goes on when it may");
    const Runner raised(5, kAnywhere);
    raised.waits("who is worse than all waits");
    raised.control(ThreadOperation::SetPriority, 60);
    raised.gets_on("until it is better");
    raised.control(ThreadOperation::SetPriority, 5);
    poor.gets_on("and gives way when it is not");

    raised.control(ThreadOperation::SetAffinity, kFirst);
    poor.control(ThreadOperation::Suspend);
    raised.waits("nobody goes where it may not run");
    raised.control(ThreadOperation::SetAffinity, kAnywhere);
    raised.gets_on("and everybody where it may, at once");
    console.end(true);
}

}  // namespace
}  // namespace redoubt::placement
