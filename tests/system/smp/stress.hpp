// What the parts of the stress test share: threads pinned to processors, each with memory of its
// own, slots of its own and a counter that must go on moving.
#pragma once

#include "tests/system/fuzz/support.hpp"

namespace redoubt::stress {

using abi::Error;
using abi::ObjectType;
using abi::Rights;
using abi::ThreadOperation;
using fuzz::kCNode;
using fuzz::kReadWrite;
using fuzz::kSpace;
using fuzz::Random;
using native::Slot;

inline constexpr unsigned kMaximumTasks = 96;
inline constexpr unsigned kSlotsPerTask = 16;
inline constexpr unsigned kPoolBits = 20;
inline constexpr std::uint64_t kWindowBytes = 1 << 20;
inline constexpr std::uint64_t kStackBytes = 4096;

/// One thread of the test. What it makes comes from its pool, so that revoking the pool undoes it.
struct Task {
    unsigned index;
    unsigned processor;
    Slot thread, pool;
    Slot first;            ///< of kSlotsPerTask slots
    std::uint64_t window;  ///< kWindowBytes of address space
    Random random;
    volatile std::uint64_t progress;
    const char* name;
    void (*body)(Task&);
    Task* partner;  ///< of a pair: the other one
    std::uint64_t shared[8];
};

/// Says what is wrong and ends the machine. At the end of the test, when everything is taken from
/// its threads while they run, ends the thread.
[[noreturn]] void fail(const Task& task, const char* what, std::uint64_t got = 0);
inline void must(const Task& task, Error error, const char* what) {
    if (error != Error::Ok) fail(task, what, static_cast<std::uint64_t>(error));
}
inline void done(Task& task) { fuzz::count(task.progress); }

unsigned processors();
std::uint64_t ticks_per_second();
Slot hv_root();
/// Lives as long as the test does.
Slot make_lasting(ObjectType type, unsigned size_bits = 0);

/// A thread that belongs to `owner`, from its pool: slots `at` (thread) and `at + 1` (buffer, whose
/// page is `buffer`). It starts at `entry` with `argument`, on `processor` only.
void make_thread(Task& owner, Slot at, std::uint64_t buffer, void (*entry)(), std::uint64_t stack,
                 std::uint64_t argument, unsigned processor);

// The bodies. None returns.
void map_and_revoke(Task& task);      // memory.cpp
void swap_mappings(Task& task);       // memory.cpp
void watch_mappings(Task& task);      // memory.cpp
void call_others(Task& task);         // messages.cpp
void serve_calls(Task& task);         // messages.cpp
void play_ping_pong(Task& task);      // messages.cpp
void torment_threads(Task& task);     // threads.cpp
void torment_guests(Task& task);      // guests.cpp
void deliver_interrupts(Task& task);  // interrupts.cpp
void raise_interrupts(Task& task);    // interrupts.cpp

}  // namespace redoubt::stress
