// Time as devices see it: nanoseconds of a clock that starts anywhere and never steps back, and the
// guest's time stamp counter in terms of it.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>

namespace redoubt::vmmd {

struct Nanoseconds {
    std::uint64_t count = 0;

    friend constexpr auto operator<=>(const Nanoseconds&, const Nanoseconds&) = default;
    friend constexpr Nanoseconds operator+(Nanoseconds a, Nanoseconds b) {
        return {a.count + b.count};
    }
    friend constexpr Nanoseconds operator-(Nanoseconds a, Nanoseconds b) {
        return {a.count - b.count};
    }
};

inline constexpr Nanoseconds kNever{~0ULL};
inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

struct TscTicks {
    std::uint64_t count = 0;

    friend constexpr auto operator<=>(const TscTicks&, const TscTicks&) = default;
};

/// value × numerator / denominator without overflow in between, rounded down.
constexpr std::uint64_t multiply_divide(std::uint64_t value, std::uint64_t numerator,
                                        std::uint64_t denominator) {
    const auto product = static_cast<unsigned __int128>(value) * numerator;
    if (static_cast<std::uint64_t>(product >> 64) == 0) {
        return static_cast<std::uint64_t>(product) / denominator;
    }
    return static_cast<std::uint64_t>(product / denominator);
}

/// A clock that never steps back. Any thread may read it.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Nanoseconds now() const = 0;
};

/// A clock that a test moves by hand.
class ManualClock final : public Clock {
  public:
    Nanoseconds now() const override { return {now_.load()}; }
    void advance(Nanoseconds step) { now_ += step.count; }
    void set(Nanoseconds now) { now_ = now.count; }

  private:
    std::atomic<std::uint64_t> now_ = 0;
};

/// A clock made of a counter of constant rate (the host's TSC): both directions of the conversion.
class CounterScale {
  public:
    explicit CounterScale(std::uint64_t frequency_hz)
        : frequency_(frequency_hz),
          to_nanoseconds_(scale(kNanosecondsPerSecond, frequency_hz)),
          to_ticks_(scale(frequency_hz, kNanosecondsPerSecond)) {}

    std::uint64_t frequency() const { return frequency_; }
    Nanoseconds nanoseconds(std::uint64_t ticks) const {
        return {multiply(ticks, to_nanoseconds_)};
    }
    /// The first tick at which the clock reads `time` or more, give or take one.
    std::uint64_t ticks(Nanoseconds time) const { return multiply(time.count, to_ticks_); }

  private:
    // Fixed point with 56 bits of fraction: years of uptime stay exact to a nanosecond, for
    // counters from 4 MHz to 250 GHz, at the cost of one multiplication.
    static constexpr unsigned kFractionBits = 56;
    static constexpr std::uint64_t scale(std::uint64_t numerator, std::uint64_t denominator) {
        return static_cast<std::uint64_t>(
            (static_cast<unsigned __int128>(numerator) << kFractionBits) / denominator);
    }
    static constexpr std::uint64_t multiply(std::uint64_t value, std::uint64_t factor) {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(value) * factor) >>
                                          kFractionBits);
    }

    std::uint64_t frequency_;
    std::uint64_t to_nanoseconds_;
    std::uint64_t to_ticks_;
};

/// A vCPU's time stamp counter: a clock's nanoseconds at a frequency, plus the offset that the
/// guest makes by writing the TSC or TSC_ADJUST.
class TscClock {
  public:
    TscClock(const Clock& clock, std::uint64_t frequency_hz)
        : clock_(clock), scale_(frequency_hz) {}

    std::uint64_t frequency() const { return scale_.frequency(); }
    TscTicks now() const { return {scale_.ticks(clock_.now()) + offset_.load()}; }
    /// The clock's time at which the counter reads `ticks` or more: 0 if it does already, kNever if
    /// that takes longer than anything lives.
    Nanoseconds time_at(TscTicks ticks) const {
        constexpr std::uint64_t kCenturies = 1ULL << 62;
        const auto current = scale_.ticks(clock_.now());
        const auto guest = current + offset_.load();
        if (ticks.count <= guest) return {0};
        const auto distance = ticks.count - guest;
        if (distance >= kCenturies) return kNever;
        // Rounded up: a timer must never fire before its tick.
        return scale_.nanoseconds(current + distance) + Nanoseconds{1};
    }
    /// Guest TSC = clock in ticks + offset, modulo 2^64: pass the vCPU's abi tsc_offset.
    void set_offset(std::uint64_t offset) { offset_ = offset; }

  private:
    const Clock& clock_;
    CounterScale scale_;
    std::atomic<std::uint64_t> offset_ = 0;
};

}  // namespace redoubt::vmmd
