// Threads that are suspended, moved, resumed and destroyed while they run on another processor:
// what they have in registers must survive all but the last.
#include "tests/system/smp/stress.hpp"

extern "C" {
/// Counts in registers of every kind and in memory at its argument (+0), and compares; makes system
/// calls (the number at +16) in between. Sets +8 if something differs.
void stress_victim();
}

namespace redoubt::stress {
namespace {

alignas(16) unsigned char stacks[kMaximumTasks][kStackBytes];

struct Counters {
    volatile std::uint64_t count, wrong;
    std::uint64_t system_call;
};
Counters counters[kMaximumTasks];

}  // namespace

void torment_threads(Task& task) {
    const Slot victim = task.first;
    Counters& counter = counters[task.index];
    for (;; done(task)) {
        counter.count = 0;
        counter.wrong = 0;
        counter.system_call = static_cast<std::uint64_t>(
            task.random.one_in(8) ? abi::SyscallNumber::SystemInfo : abi::SyscallNumber::Yield);
        make_thread(task, victim, task.window, stress_victim,
                    reinterpret_cast<std::uint64_t>(stacks[task.index]) + kStackBytes,
                    reinterpret_cast<std::uint64_t>(&counter),
                    static_cast<unsigned>(task.random.below(processors())));
        for (std::uint64_t rounds = 2 + task.random.below(6); rounds != 0; --rounds) {
            native::yield();
            if (task.random.one_in(3)) {
                must(task,
                     native::thread_control(victim, ThreadOperation::SetAffinity,
                                            1ULL << task.random.below(processors())),
                     "moving a thread");
            }
            if (task.random.one_in(3)) {
                must(task,
                     native::thread_control(victim, ThreadOperation::SetTlsBase,
                                            task.random.below(1 << 20)),
                     "changing a thread's TLS base");
            }
            must(task, native::thread_control(victim, ThreadOperation::Suspend), "suspending");
            const std::uint64_t stopped = counter.count;
            for (std::uint64_t i = task.random.below(100); i != 0; --i) asm volatile("");
            if (counter.count != stopped) fail(task, "a suspended thread ran");
            if (counter.wrong != 0) fail(task, "a thread lost its registers", counter.wrong);
            must(task, native::thread_control(victim, ThreadOperation::Resume), "resuming");
        }
        // Running or not: its memory is whole again at once.
        must(task,
             task.random.one_in(2) ? native::delete_capability(victim) : native::revoke(task.pool),
             "destroying a thread");
        const std::uint64_t ended = counter.count;
        must(task, native::revoke(task.pool), "revoking");
        if (native::identify(task.pool).value.free_bytes != 1ULL << kPoolBits)
            fail(task, "memory is lost");
        if (counter.count != ended) fail(task, "a destroyed thread ran");
        if (counter.wrong != 0) fail(task, "a thread lost its registers", counter.wrong);
    }
}

}  // namespace redoubt::stress
