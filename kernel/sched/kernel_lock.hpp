// The one lock of the kernel. Everything that processors share is touched only by its holder.
//
// It is taken right after an entry has saved its registers, after a guest has been left, and after
// idling; it is given back before user space, a guest or idling goes on. Kernel paths are some
// hundred instructions long, so nothing finer pays.
//
// Whoever is there first gets it. Turns in the order of arrival would be fairer, but where
// processors are emulated the next one in turn may not be running, and all would wait for it. Who
// has waited for long claims it: then nobody overtakes.
#pragma once

#include <atomic>
#include <cstdint>

namespace redoubt::kernel {

struct alignas(64) KernelLock {
    static constexpr std::uint32_t kHeld = 1;
    static constexpr std::uint32_t kClaimed = 2;   ///< somebody has waited for long
    static constexpr std::uint32_t kMeasured = 4;  ///< always set if there are statistics

    std::atomic<std::uint32_t> word{0};
    std::atomic<std::uint32_t> waiting{0};  ///< processors
};
inline constinit KernelLock kernel_lock;

/// Of one processor, in ticks.
struct LockStatistics {
    std::uint64_t acquisitions;
    std::uint64_t contended;  ///< those that had to wait
    std::uint64_t held;
    std::uint64_t longest_hold;
    std::uint64_t waited;
    std::uint64_t taken_at;  ///< the last time
};

/// Takes the lock when it is not simply free. Meanwhile does what the holder asks of this
/// processor.
void lock_kernel_slowly();
/// After giving it back, when that is not all.
void account_for_hold();
/// Where the holder could have given it back.
void divide_hold();
/// For the holder: begins to keep statistics, which makes every turn cost some hundred ticks more.
void measure_kernel_lock();
/// nullptr unless they are kept.
const LockStatistics* lock_statistics(unsigned processor);

/// Takes the lock if it is simply free.
inline bool try_lock_kernel() {
    std::uint32_t free = 0;
    return kernel_lock.word.compare_exchange_strong(free, KernelLock::kHeld,
                                                    std::memory_order_acquire);
}

inline void lock_kernel() {
    if (!try_lock_kernel()) [[unlikely]]
        lock_kernel_slowly();
}

inline void unlock_kernel() {
    static_assert(KernelLock::kHeld == 1);
    // The flags tell whether there is anything left: one instruction less than clearing the bit.
    if (kernel_lock.word.fetch_sub(KernelLock::kHeld, std::memory_order_release) !=
        KernelLock::kHeld) [[unlikely]]
        account_for_hold();
}

/// For the holder: does somebody wait? Whoever asks would give it back: for the statistics a hold
/// ends here and another one begins.
inline bool kernel_lock_is_wanted() {
    if ((kernel_lock.word.load(std::memory_order_relaxed) & KernelLock::kMeasured) != 0)
        [[unlikely]]
        divide_hold();
    return kernel_lock.waiting.load(std::memory_order_relaxed) != 0;
}

}  // namespace redoubt::kernel
