// The clock of one VM: the host's counter, stopped while the VM is paused.
#pragma once

#include <atomic>

#include "libhvcall/hypervisor.hpp"
#include "vmmd/clock.hpp"

namespace redoubt::vmmd {

class GuestClock final : public Clock {
  public:
    explicit GuestClock(const hvcall::Hypervisor& hypervisor)
        : hypervisor_(hypervisor), scale_(hypervisor.ticks_per_second()) {}

    Nanoseconds now() const override {
        return scale_.nanoseconds(hypervisor_.ticks_now().count - stopped_ticks_.load());
    }
    /// The host tick at which this clock shows `time`, if it is not stopped until then.
    hvcall::HostTicks host_ticks(Nanoseconds time) const {
        if (time == kNever) return {~std::uint64_t{0}};
        return {scale_.ticks(time) + stopped_ticks_.load() + 1};
    }
    /// Ticks for which it has been stopped.
    std::uint64_t stopped_ticks() const { return stopped_ticks_; }
    /// Makes the time since `since` as if it had not been.
    void skip_since(hvcall::HostTicks since) {
        stopped_ticks_ += hypervisor_.ticks_now().count - since.count;
    }

  private:
    const hvcall::Hypervisor& hypervisor_;
    CounterScale scale_;
    std::atomic<std::uint64_t> stopped_ticks_ = 0;
};

}  // namespace redoubt::vmmd
