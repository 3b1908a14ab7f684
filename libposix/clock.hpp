// Time from the processor's counter.
#pragma once

#include <linux/time_types.h>

#include <cstdint>

namespace redoubt::posix {

inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Linux's clock ids; <linux/time.h> clashes with the C library's header in the host tests.
inline constexpr int kRealTimeClock = 0;
inline constexpr int kMonotonicClock = 1;

/// Converts between ticks and nanoseconds; reading it costs a multiplication and a shift.
class Clock {
  public:
    constexpr Clock() = default;

    /// `boot_real_time`: seconds since 1970 at tick 0.
    void initialize(std::uint64_t ticks_per_second, std::uint64_t boot_real_time);

    /// Nanoseconds since tick 0.
    std::uint64_t monotonic() const { return to_nanoseconds(now_ticks()); }
    std::uint64_t real() const { return monotonic() + real_offset_; }
    std::uint64_t real_offset() const { return real_offset_; }

    /// By a Linux clock id; false if there is no such clock.
    bool read(int clock, std::uint64_t& nanoseconds) const;

    std::uint64_t to_nanoseconds(std::uint64_t ticks) const {
        return static_cast<std::uint64_t>(
            static_cast<unsigned __int128>(ticks) * nanoseconds_per_tick_ >> 32);
    }
    /// The first tick at which that time has come, as this clock reads; saturates.
    std::uint64_t to_ticks(std::uint64_t nanoseconds) const;

  private:
    static std::uint64_t now_ticks();

    std::uint64_t nanoseconds_per_tick_ = 0;  ///< 32.32 fixed point
    std::uint64_t real_offset_ = 0;
};

/// Nanoseconds of a timespec, or -EINVAL.
long read_timespec(const __kernel_timespec& time, std::uint64_t& nanoseconds);
void write_timespec(std::uint64_t nanoseconds, __kernel_timespec& time);

/// a + b, kNever if that overflows.
constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
    return a + b < a ? ~std::uint64_t{0} : a + b;
}

}  // namespace redoubt::posix
