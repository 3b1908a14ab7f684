// Numbers that nobody can guess, for user space whose processor has none for it: of a generator
// with a key from the firmware.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace redoubt::kernel {

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of eight bytes.
std::uint64_t siphash(const std::uint64_t (&key)[2], std::uint64_t word);

/// The hash of a counter.
class RandomGenerator {
  public:
    static constexpr std::size_t kSeedBytes = 16;

    /// Mixes in all of a seed; less than kSeedBytes count for nothing.
    void seed(std::span<const std::uint8_t> bytes);
    /// Nothing if there was no seed.
    std::optional<std::uint64_t> next();

  private:
    std::uint64_t key_[2] = {};
    std::uint64_t count_ = 0;
    bool seeded_ = false;
};

/// SystemInfo's. With the kernel lock, or before there are others.
extern constinit RandomGenerator random_generator;

}  // namespace redoubt::kernel
