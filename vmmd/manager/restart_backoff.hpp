// Whether and when a VM that has ended is started again. Pure arithmetic: the caller has the clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "vmmd/config/config.hpp"
#include "vmmd/management/control.hpp"

namespace redoubt::vmmd {

class RestartBackoff {
  public:
    using Milliseconds = std::chrono::milliseconds;
    static constexpr Milliseconds kFirstDelay{100};
    static constexpr Milliseconds kLongestDelay{30'000};
    /// A VM that ran this long had started well: the next delay is the first one again.
    static constexpr Milliseconds kGoodRun{60'000};

    /// `limit`: most restarts in a row, 0 for any number.
    RestartBackoff(RestartPolicy policy, unsigned limit) : policy_(policy), limit_(limit) {}

    /// The delay before the next start, or nothing if the VM stays as it is.
    std::optional<Milliseconds> after(VmEnd end, Milliseconds ran) {
        const bool wanted = policy_ == RestartPolicy::Always ||
                            (policy_ == RestartPolicy::OnFailure && end != VmEnd::Clean);
        if (!wanted) return std::nullopt;
        if (ran >= kGoodRun) attempts_ = 0;
        if (limit_ != 0 && attempts_ == limit_) return std::nullopt;
        constexpr unsigned kDoublings = 9;  // enough to reach the longest delay
        const auto delay = kFirstDelay * (1 << std::min(attempts_, kDoublings));
        ++attempts_;
        return std::min<Milliseconds>(delay, kLongestDelay);
    }
    /// Restarts in a row so far.
    unsigned attempts() const { return attempts_; }
    /// Somebody started it by hand.
    void reset() { attempts_ = 0; }

  private:
    RestartPolicy policy_;
    unsigned limit_;
    unsigned attempts_ = 0;
};

}  // namespace redoubt::vmmd
