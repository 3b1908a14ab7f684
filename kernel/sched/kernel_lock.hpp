// The one lock of the kernel. Everything that processors share is touched only by its holder.
//
// It is taken right after an entry has saved its registers, after a guest has been left, and after
// idling; it is given back before user space, a guest or idling goes on. Kernel paths are some
// hundred instructions long, so nothing finer pays. Turns are taken in the order of arrival.
#pragma once

#include <atomic>
#include <cstdint>

namespace redoubt::kernel {

struct alignas(64) KernelLock {
    std::atomic<std::uint32_t> next_ticket{0};
    std::atomic<std::uint32_t> now_serving{0};
};
inline constinit KernelLock kernel_lock;

/// Waits for the turn of `ticket`, doing meanwhile what the holder asks of this processor.
void wait_for_kernel_lock(std::uint32_t ticket);

inline void lock_kernel() {
    const std::uint32_t ticket = kernel_lock.next_ticket.fetch_add(1, std::memory_order_acquire);
    if (kernel_lock.now_serving.load(std::memory_order_acquire) != ticket) [[unlikely]]
        wait_for_kernel_lock(ticket);
}

inline void unlock_kernel() {
    const std::uint32_t served = kernel_lock.now_serving.load(std::memory_order_relaxed);
    kernel_lock.now_serving.store(served + 1, std::memory_order_release);
}

/// For the holder: does somebody wait?
inline bool kernel_lock_is_wanted() {
    return kernel_lock.next_ticket.load(std::memory_order_relaxed) -
               kernel_lock.now_serving.load(std::memory_order_relaxed) >
           1;
}

}  // namespace redoubt::kernel
