// The kernel lock where it is not simply taken and given back: waiting for it, and its statistics.
#include "kernel/sched/kernel_lock.hpp"

#include "arch/cpu.hpp"
#include "arch/timer.hpp"
#include "kernel/sched/remote.hpp"

namespace redoubt::kernel {

namespace {

constexpr std::uint64_t kPatiencesPerSecond = 1'000;

constinit LockStatistics statistics[kMaximumProcessors]{};

/// `mine`: 0, or kClaimed for who has claimed it.
bool try_acquire(std::uint32_t mine) {
    auto& word = kernel_lock.word;
    std::uint32_t seen = word.load(std::memory_order_relaxed);
    const std::uint32_t measured = seen & KernelLock::kMeasured;
    return seen == (mine | measured) &&
           word.compare_exchange_strong(seen, measured | KernelLock::kHeld,
                                        std::memory_order_acquire);
}

void wait_for_turn() {
    const std::uint64_t patient_until = ticks_now() + ticks_per_second() / kPatiencesPerSecond;
    std::uint32_t mine = 0;
    while (!try_acquire(mine)) {
        serve_requests();
        if (mine == 0 && ticks_now() >= patient_until &&
            (kernel_lock.word.fetch_or(KernelLock::kClaimed, std::memory_order_relaxed) &
             KernelLock::kClaimed) == 0) {
            mine = KernelLock::kClaimed;
        }
        pause_processor();
    }
}

}  // namespace

void lock_kernel_slowly() {
    const std::uint64_t start = ticks_now();
    const bool waits = !try_acquire(0);
    if (waits) {
        kernel_lock.waiting.fetch_add(1, std::memory_order_relaxed);
        wait_for_turn();
        kernel_lock.waiting.fetch_sub(1, std::memory_order_relaxed);
    }
    if ((kernel_lock.word.load(std::memory_order_relaxed) & KernelLock::kMeasured) == 0) return;
    LockStatistics& own = statistics[this_cpu().index];
    own.taken_at = ticks_now();
    ++own.acquisitions;
    if (!waits) return;
    ++own.contended;
    own.waited += own.taken_at - start;
}

void account_for_hold() {
    if ((kernel_lock.word.load(std::memory_order_relaxed) & KernelLock::kMeasured) == 0) return;
    LockStatistics& own = statistics[this_cpu().index];
    const std::uint64_t held = ticks_now() - own.taken_at;
    own.held += held;
    if (held > own.longest_hold) own.longest_hold = held;
}

void divide_hold() {
    account_for_hold();
    statistics[this_cpu().index].taken_at = ticks_now();
}

void measure_kernel_lock() {
    statistics[this_cpu().index].taken_at = ticks_now();
    kernel_lock.word.fetch_or(KernelLock::kMeasured, std::memory_order_relaxed);
}

const LockStatistics* lock_statistics(unsigned processor) {
    const bool measured =
        (kernel_lock.word.load(std::memory_order_relaxed) & KernelLock::kMeasured) != 0;
    return measured ? &statistics[processor] : nullptr;
}

}  // namespace redoubt::kernel
