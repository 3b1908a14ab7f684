// How the benchmarks measure and report, on Redoubt and on its peers alike: under QEMU's
// -icount shift=0 one tick of the TSC is one instruction, and the median is what a round costs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace redoubt::bench {

inline constexpr std::size_t kWarmUp = 200;
inline constexpr std::size_t kRounds = 5000;

using Samples = std::vector<std::uint64_t>;

inline std::uint64_t ticks() {
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return std::uint64_t{high} << 32 | low;
}

inline void report(const char* part, const char* name, std::uint64_t figure) {
    std::printf("BENCH %s %s %llu\n", part, name, static_cast<unsigned long long>(figure));
}

inline void report(const char* part, const char* name, Samples& samples) {
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    report(part, name, *middle);
}

/// How long each call of `round` takes, from the end of one to the end of the next.
template <class Round>
Samples measure(Round&& round) {
    Samples samples;
    samples.reserve(kRounds);
    for (std::size_t i = 0; i < kWarmUp; ++i) round();
    std::uint64_t last = ticks();
    for (std::size_t i = 0; i < kRounds; ++i) {
        round();
        const std::uint64_t now = ticks();
        samples.push_back(now - last);
        last = now;
    }
    return samples;
}

}  // namespace redoubt::bench
