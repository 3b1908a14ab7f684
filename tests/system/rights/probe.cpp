// An init that lets an unprivileged thread try what capabilities permit, part by part. Whatever it
// does, all of its memory must be back each time. tests/system/test_capabilities.py boots it.
//
// Command line: part= (all parts if there is none), seed=, rounds=.
#include "tests/system/rights/child.hpp"

namespace redoubt::rights {

std::uint64_t option_seed, option_rounds;

namespace {

constexpr unsigned kChildPoolBits = 24;
constexpr std::uint64_t kPatienceSeconds = 60;

using fuzz::kCNode;
using fuzz::kReadWrite;
using fuzz::kSpace;

struct {
    const char* name;
    Part* run;
} constexpr kParts[] = {
    {"rights", try_rights},
    {"sequences", try_random_sequences},
};
constexpr unsigned kPartCount = sizeof kParts / sizeof kParts[0];

fuzz::Console console;
Slot untyped, pool, next_slot, done;
unsigned part;
Report report;
alignas(16) unsigned char stacks[kStacks][kStackBytes];

[[noreturn]] void fail(const char* what, std::uint64_t got = 0) {
    console.line("FAILED ", what, ": ", got);
    console.end(false);
}
void must(Error error, const char* what) {
    if (error != Error::Ok) fail(what, static_cast<std::uint64_t>(error));
}
std::uint64_t free_bytes(Slot slot) { return native::identify(slot).value.free_bytes; }

extern "C" [[noreturn]] void child() {
    kParts[part].run(report);
    native::signal(kChildDone);
    native::exit_thread();
}
asm("child_entry: call child\n");
extern "C" void child_entry();

void grant(Slot cnode, Slot source, ChildSlot destination, std::uint64_t badge = 0) {
    must(native::mint(source, Rights::All, badge, destination, cnode), "a grant");
}

/// Everything the child has comes from the pool, so that revoking that takes it all back.
void run_part(const abi::BootInfo& boot) {
    const Slot first = next_slot;
    const auto make = [&](ObjectType type, unsigned bits = 0) {
        const Slot slot = next_slot++;
        must(native::retype(pool, type, bits, slot), "an object for the child");
        return slot;
    };
    const Slot cnode = make(ObjectType::CNode, kChildCNodeBits);
    const Slot buffer = make(ObjectType::Frame, abi::kPageBits);
    const Slot thread = make(ObjectType::Thread);
    const Slot memory = make(ObjectType::Untyped, kChildPoolBits - 1);
    must(native::map(buffer, kSpace, kChildBuffers, kReadWrite), "the child's buffer");
    grant(cnode, cnode, kChildCNode);
    grant(cnode, kSpace, kChildSpace);
    grant(cnode, memory, kChildPool);
    grant(cnode, boot.irq_control_slot, kChildIrqControl);
    if (boot.io_port_slot != 0) grant(cnode, boot.io_port_slot, kChildPorts, kPort | kPort << 16);
    if (boot.hv_slot != 0) grant(cnode, boot.hv_slot, kChildHv, 77);
    grant(cnode, done, kChildDone);
    must(native::thread_configure(thread, {kSpace, cnode, buffer, 0, 0, kChildBuffers, 0,
                                           kChildPriority, kChildPriority + 20}),
         "the child");
    must(native::thread_set_context(
             thread, {reinterpret_cast<std::uint64_t>(child_entry),
                      reinterpret_cast<std::uint64_t>(stacks[0]) + kStackBytes, 0, 0}),
         "the child");
    must(native::thread_control(thread, abi::ThreadOperation::Resume), "the child");
    const std::uint64_t second = native::system_info(abi::SystemInfoKind::TicksPerSecond);
    const std::uint64_t start = native::ticks();
    const std::uint64_t patience = (kPatienceSeconds + option_rounds) * second;
    must(native::wait(done, start + patience).error, "the child has finished");
    for (unsigned i = 0; i < report.count && i < Report::kMaximum; ++i) {
        console.line("FAILED ", report.texts[i], " ", report.numbers[i][0], " ",
                     report.numbers[i][1], " ", report.numbers[i][2]);
    }
    console.line(kParts[part].name, ": tried ", report.tried, ", found ",
                 std::uint64_t{report.count}, ", ms ", (native::ticks() - start) * 1000 / second);
    must(native::revoke(pool), "everything is taken back");
    if (free_bytes(pool) != 1ULL << kChildPoolBits) fail("bytes free", free_bytes(pool));
    for (Slot slot = first; slot < next_slot; ++slot) {
        if (native::identify(slot)) fail("a capability is left", slot);
    }
    next_slot = first;
}

extern "C" [[noreturn]] void probe(const abi::BootInfo* boot) {
    next_slot = boot->first_free_slot;
    redoubt::probe::initialize_machine(*boot, next_slot);
    untyped = fuzz::largest_untyped(*boot);
    option_seed = fuzz::option(*boot, "seed", 1);
    option_rounds = fuzz::option(*boot, "rounds", 0);
    const std::uint64_t wanted = fuzz::option(*boot, "part", kPartCount);
    pool = next_slot++;
    done = next_slot++;
    must(native::retype(untyped, ObjectType::Untyped, kChildPoolBits, pool), "the pool");
    must(native::retype(untyped, ObjectType::Notification, 0, done), "a notification");
    const std::uint64_t free_outside = free_bytes(untyped);
    unsigned found = 0;
    for (part = 0; part < kPartCount; ++part) {
        if (wanted < kPartCount && wanted != part) continue;
        report = {};
        run_part(*boot);
        found += report.count;
    }
    if (free_bytes(untyped) != free_outside) fail("bytes free outside", free_bytes(untyped));
    console.end(found == 0);
}

}  // namespace

Slot start_thread(Slot& next, unsigned index, void (*entry)(), std::uint32_t priority,
                  std::uint64_t argument) {
    const Slot buffer = next++, thread = next++;
    const std::uint64_t address = kChildBuffers + index * 0x1000ULL;
    native::retype(kChildPool, ObjectType::Frame, abi::kPageBits, buffer);
    native::retype(kChildPool, ObjectType::Thread, 0, thread);
    native::map(buffer, kChildSpace, address, kReadWrite);
    native::thread_configure(
        thread, {kChildSpace, kChildCNode, buffer, 0, 0, address, 0, priority, priority});
    native::thread_set_context(
        thread, {reinterpret_cast<std::uint64_t>(entry),
                 reinterpret_cast<std::uint64_t>(stacks[index]) + kStackBytes, argument, 0});
    native::thread_control(thread, abi::ThreadOperation::Resume);
    return thread;
}

}  // namespace redoubt::rights
