// What happened on a vCPU, counted: exits by kind, injected events. Written by the vCPU's thread
// only, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd {

inline constexpr std::size_t kExitKinds = static_cast<std::size_t>(abi::ExitKind::EntryFailure) + 1;

class ExitStatistics {
  public:
    void count(abi::ExitKind kind) {
        const auto index = static_cast<std::size_t>(kind);
        bump(counts_[index < kExitKinds ? index : 0]);
    }
    void count_interrupt(std::uint8_t vector) { bump(interrupts_[vector]); }
    void count_nmi() { bump(nmis_); }
    void count_exception() { bump(exceptions_); }

    std::uint64_t exits(abi::ExitKind kind) const {
        return get(counts_[static_cast<std::size_t>(kind)]);
    }
    /// External interrupts with that vector.
    std::uint64_t interrupts(std::uint8_t vector) const { return get(interrupts_[vector]); }
    std::uint64_t nmis() const { return get(nmis_); }
    /// That the monitor raised, such as #GP for an unknown MSR.
    std::uint64_t exceptions() const { return get(exceptions_); }

  private:
    using Counter = std::atomic<std::uint64_t>;
    // One writer: a load and a store are enough, and cheaper than a locked addition.
    static void bump(Counter& counter) {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    static std::uint64_t get(const Counter& counter) {
        return counter.load(std::memory_order_relaxed);
    }

    std::array<Counter, kExitKinds> counts_{};
    std::array<Counter, 256> interrupts_{};
    Counter nmis_ = 0;
    Counter exceptions_ = 0;
};

}  // namespace redoubt::vmmd
