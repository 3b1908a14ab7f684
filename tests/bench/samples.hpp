// How the benchmarks measure and report, on Redoubt and on its peers alike: under QEMU's -icount
// the processor's counter counts instructions, and the median is what a round costs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#ifdef __riscv
#include "tests/bench/riscv64/ticks.hpp"
#else
#include "tests/bench/x86_64/ticks.hpp"
#endif

namespace redoubt::bench {

inline constexpr std::size_t kWarmUp = 200;
inline constexpr std::size_t kRounds = 5000;

using Samples = std::vector<std::uint64_t>;  ///< in ticks

/// Where tools/bench --path begins: what follows belongs to the row of that name.
extern "C" [[gnu::noinline]] inline void begin_row(const char* name) {
    asm volatile("" : : "r"(name) : "memory");
}

/// Where each of its rounds begins, if no other mark does. Not measured.
extern "C" [[gnu::noinline]] inline void begin_round() { asm volatile("" ::: "memory"); }

inline void report(const char* part, const char* name, std::uint64_t figure) {
    std::printf("BENCH %s %s %llu\n", part, name, static_cast<unsigned long long>(figure));
}

/// In instructions.
inline std::uint64_t median(Samples& samples) {
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    return instructions(*middle);
}

inline void report(const char* part, const char* name, Samples& samples) {
    report(part, name, median(samples));
}

/// What a pair of ticks() around nothing shows.
inline std::uint64_t overhead() {
    const std::uint64_t start = ticks();
    return ticks() - start;
}

/// How long each call of `round` takes.
template <class Round>
Samples measure(Round&& round) {
    Samples samples(kRounds);
    const std::uint64_t nothing = overhead();
    for (std::size_t i = 0; i < kWarmUp; ++i) round();
    for (auto& sample : samples) {
        begin_round();
        const std::uint64_t start = ticks();
        round();
        sample = ticks() - start - nothing;
    }
    return samples;
}

}  // namespace redoubt::bench
