// See clock.hpp.
#include "libposix/clock.hpp"

#include <linux/errno.h>
#include <linux/time.h>

#include "libhvcall/native/syscall.hpp"

namespace redoubt::posix {

std::uint64_t Clock::now_ticks() { return native::ticks(); }

void Clock::initialize(std::uint64_t ticks_per_second, std::uint64_t boot_real_time) {
    if (ticks_per_second == 0) ticks_per_second = kNanosecondsPerSecond;
    nanoseconds_per_tick_ = (kNanosecondsPerSecond << 32) / ticks_per_second;
    real_offset_ = boot_real_time * kNanosecondsPerSecond;
}

bool Clock::read(int clock, std::uint64_t& nanoseconds) const {
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
            nanoseconds = real();
            return true;
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_BOOTTIME:
        // There is no accounting per thread: processor time is time since boot.
        case CLOCK_PROCESS_CPUTIME_ID:
        case CLOCK_THREAD_CPUTIME_ID:
            nanoseconds = monotonic();
            return true;
        default:
            return false;
    }
}

std::uint64_t Clock::to_ticks(std::uint64_t nanoseconds) const {
    // The exact inverse of to_nanoseconds: a sleeper that wakes at this tick finds that its time
    // has come.
    const unsigned __int128 ticks =
        ((static_cast<unsigned __int128>(nanoseconds) << 32) + nanoseconds_per_tick_ - 1) /
        nanoseconds_per_tick_;
    // The largest values mean "never", for the kernel too.
    return (ticks >> 63) != 0 ? abi::kNever : static_cast<std::uint64_t>(ticks);
}

long read_timespec(const __kernel_timespec& time, std::uint64_t& nanoseconds) {
    if (time.tv_sec < 0 || time.tv_nsec < 0 ||
        time.tv_nsec >= static_cast<long long>(kNanosecondsPerSecond)) {
        return -EINVAL;
    }
    const auto seconds = static_cast<std::uint64_t>(time.tv_sec);
    if (seconds > ~std::uint64_t{0} / kNanosecondsPerSecond - 1) {
        nanoseconds = abi::kNever;
        return 0;
    }
    nanoseconds = seconds * kNanosecondsPerSecond + static_cast<std::uint64_t>(time.tv_nsec);
    return 0;
}

void write_timespec(std::uint64_t nanoseconds, __kernel_timespec& time) {
    time.tv_sec = static_cast<long long>(nanoseconds / kNanosecondsPerSecond);
    time.tv_nsec = static_cast<long long>(nanoseconds % kNanosecondsPerSecond);
}

}  // namespace redoubt::posix
