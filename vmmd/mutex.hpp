// The lock of a device model: hardly ever wanted by two threads at once, and taken at every access.
#pragma once

#include <atomic>
#include <cstdint>

namespace redoubt::vmmd {

/// A std::mutex for std::lock_guard that costs an atomic operation to take and one to give back
/// when nobody else wants it, without the C library's kinds of mutexes.
class Mutex {
  public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() {
        auto state = kFree;
        if (!state_.compare_exchange_strong(state, kTaken, std::memory_order_acquire)) [[unlikely]]
            wait();
    }
    void unlock() {
        if (state_.exchange(kFree, std::memory_order_release) == kWanted) [[unlikely]]
            state_.notify_one();
    }

  private:
    static constexpr std::uint32_t kFree = 0, kTaken = 1, kWanted = 2;

    /// Whoever had to wait takes it as wanted: others may wait still.
    [[gnu::cold, gnu::noinline]] void wait() {
        while (state_.exchange(kWanted, std::memory_order_acquire) != kFree) state_.wait(kWanted);
    }

    std::atomic<std::uint32_t> state_ = kFree;
};

}  // namespace redoubt::vmmd
