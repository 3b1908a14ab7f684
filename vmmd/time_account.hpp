// What a vCPU's thread spends its time with. Written by that thread only, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "libhvcall/hypervisor.hpp"

namespace redoubt::vmmd {

/// The sum of an account that has its latest beginning subtracted while it is open (then its top
/// bit is set). VcpuState::guest_ticks is one, too.
constexpr std::uint64_t sum_at(std::uint64_t account, hvcall::HostTicks now) {
    constexpr std::uint64_t kOpen = 1ULL << 63;
    if ((account & kOpen) == 0) return account;
    // It may have been opened since the reader looked at its clock.
    const std::uint64_t sum = account + now.count;
    return (sum & kOpen) == 0 ? sum : 0;
}

class TimeAccount {
  public:
    enum class Use {
        Monitor,  ///< handles exits, runs timers and devices
        Run,      ///< a run call: in the guest, in the kernel, or waiting for a processor
        Waiting,  ///< the vCPU is halted, or nobody has started it
        Paused,
    };
    static constexpr std::size_t kUses = 4;

    /// The thread's time on the vCPU: from construction to destruction.
    class Session {
      public:
        Session(TimeAccount& account, const hvcall::Hypervisor& hypervisor)
            : account_(account), hypervisor_(hypervisor) {
            account_.open(Use::Monitor, hypervisor.ticks_now());
        }
        ~Session() { account_.close(hypervisor_.ticks_now()); }
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;

      private:
        TimeAccount& account_;
        const hvcall::Hypervisor& hypervisor_;
    };

    /// Within a session: from `now` on it is this.
    void change(Use use, hvcall::HostTicks now) {
        close(now);
        open(use, now);
    }

    /// Host ticks until `now`. From any thread; a change at the same time may count twice for the
    /// moment that reading takes.
    std::uint64_t ticks(Use use, hvcall::HostTicks now) const {
        return sum_at(accounts_[static_cast<std::size_t>(use)].load(std::memory_order_relaxed),
                      now);
    }

  private:
    void open(Use use, hvcall::HostTicks now) {
        use_ = use;
        add(0 - now.count);
    }
    void close(hvcall::HostTicks now) { add(now.count); }
    // One writer: a load and a store are enough, and cheaper than a locked addition.
    void add(std::uint64_t ticks) {
        auto& account = accounts_[static_cast<std::size_t>(use_)];
        account.store(account.load(std::memory_order_relaxed) + ticks, std::memory_order_relaxed);
    }

    std::array<std::atomic<std::uint64_t>, kUses> accounts_{};
    Use use_ = Use::Monitor;
};

}  // namespace redoubt::vmmd
