// How many events of one monitor are passed on: a monitor gone mad must not fill the connections of
// clients that watch other VMs.
#pragma once

#include <algorithm>
#include <chrono>

namespace redoubt::vmmd {

class EventAllowance {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr unsigned kBurst = 100;
    static constexpr std::chrono::milliseconds kPerEvent{50};

    /// Whether an event at `now` may pass.
    bool take(Time now) {
        // What is owed runs out with time.
        owed_until_ = std::max(owed_until_, now);
        if (owed_until_ - now > kBurst * kPerEvent) return false;
        owed_until_ += kPerEvent;
        return true;
    }

  private:
    Time owed_until_{};
};

}  // namespace redoubt::vmmd
