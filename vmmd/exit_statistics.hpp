// Exits counted by kind. Written by the vCPU's thread only, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "abi/x86_64/vcpu_state.hpp"

namespace redoubt::vmmd {

inline constexpr std::size_t kExitKinds = static_cast<std::size_t>(abi::ExitKind::EntryFailure) + 1;

class ExitStatistics {
  public:
    void count(abi::ExitKind kind) {
        const auto index = static_cast<std::size_t>(kind);
        bump(counts_[index < kExitKinds ? index : 0]);
    }
    void count_injection() { bump(injections_); }

    std::uint64_t exits(abi::ExitKind kind) const {
        return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
    }
    std::uint64_t injections() const { return injections_.load(std::memory_order_relaxed); }

  private:
    // One writer: a load and a store are enough, and cheaper than a locked addition.
    static void bump(std::atomic<std::uint64_t>& counter) {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    std::array<std::atomic<std::uint64_t>, kExitKinds> counts_{};
    std::atomic<std::uint64_t> injections_ = 0;
};

}  // namespace redoubt::vmmd
