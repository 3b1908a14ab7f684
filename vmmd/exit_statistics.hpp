// Exits counted by kind, and the last of them for a crash report. Written by the vCPU's thread
// only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "abi/x86_64/vcpu_state.hpp"

namespace redoubt::vmmd {

/// "port_io", "mmio", …: as clients see it.
std::string_view exit_name(abi::ExitKind kind);
inline constexpr std::size_t kExitKinds = static_cast<std::size_t>(abi::ExitKind::EntryFailure) + 1;

class ExitStatistics {
  public:
    void count(const abi::VcpuState& state) {
        const auto kind = static_cast<std::size_t>(state.exit.kind);
        bump(counts_[kind < kExitKinds ? kind : 0]);
        history_[next_++ % history_.size()] = {state.exit.kind, state.exit.detail, state.exit.info1,
                                               state.rip};
    }
    void count_injection() { bump(injections_); }

    std::uint64_t exits(abi::ExitKind kind) const {
        return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
    }
    std::uint64_t injections() const { return injections_.load(std::memory_order_relaxed); }
    void clear();

    /// The last exits, oldest first, a line each. Only when the vCPU's thread does not run.
    std::string history() const;

  private:
    struct Record {
        abi::ExitKind kind;
        std::uint32_t detail;
        std::uint64_t info;
        std::uint64_t rip;
    };
    // One writer: a load and a store are enough, and cheaper than a locked addition.
    static void bump(std::atomic<std::uint64_t>& counter) {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    std::array<std::atomic<std::uint64_t>, kExitKinds> counts_{};
    std::atomic<std::uint64_t> injections_ = 0;
    std::array<Record, 64> history_{};
    std::uint64_t next_ = 0;
};

/// Registers for a crash report, several lines.
std::string describe_registers(const abi::VcpuState& state);

}  // namespace redoubt::vmmd
