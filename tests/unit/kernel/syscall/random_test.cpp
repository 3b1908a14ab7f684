// The generator of random numbers.
#include "kernel/syscall/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace redoubt::kernel {
namespace {

std::array<std::uint8_t, 32> seed(std::uint8_t first) {
    std::array<std::uint8_t, 32> bytes{};
    for (std::uint8_t& byte : bytes) byte = first++;
    return bytes;
}

TEST(RandomGenerator, WithoutASeedThereAreNoNumbers) {
    RandomGenerator generator;
    EXPECT_FALSE(generator.next());
    const auto bytes = seed(1);
    generator.seed(std::span(bytes).first(RandomGenerator::kSeedBytes - 1));
    EXPECT_FALSE(generator.next());
}

TEST(RandomGenerator, NumbersAreNotRepeated) {
    RandomGenerator generator;
    generator.seed(seed(1));
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(generator.next().value());
    EXPECT_EQ(seen.size(), 1000U);
}

TEST(RandomGenerator, EveryByteOfTheSeedCounts) {
    std::set<std::uint64_t> first;
    for (std::size_t changed = 0; changed < 32; ++changed) {
        auto bytes = seed(1);
        bytes[changed] ^= 0x80;
        RandomGenerator generator;
        generator.seed(bytes);
        first.insert(generator.next().value());
    }
    EXPECT_EQ(first.size(), 32U);
}

/// "SipHash: a fast short-input PRF", Aumasson and Bernstein: its reference implementation's test
/// vectors, of the key 00 01 … 0F and the message 00 01 … 07.
TEST(RandomGenerator, ItIsSipHash) {
    constexpr std::uint64_t kKey[2] = {0x0706'0504'0302'0100, 0x0F0E'0D0C'0B0A'0908};
    EXPECT_EQ(siphash(kKey, 0x0706'0504'0302'0100), 0x93F5'F579'9A93'2462U);
}

}  // namespace
}  // namespace redoubt::kernel
