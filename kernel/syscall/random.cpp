// See random.hpp.
#include "kernel/syscall/random.hpp"

#include <bit>

namespace redoubt::kernel {

constinit RandomGenerator random_generator;

std::uint64_t siphash(const std::uint64_t (&key)[2], std::uint64_t word) {
    std::uint64_t v0 = key[0] ^ 0x736f6d6570736575, v1 = key[1] ^ 0x646f72616e646f6d,
                  v2 = key[0] ^ 0x6c7967656e657261, v3 = key[1] ^ 0x7465646279746573;
    const auto rounds = [&](unsigned count) {
        for (; count != 0; --count) {
            v0 += v1, v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0, v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1, v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2, v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }
    };
    constexpr std::uint64_t kLength = std::uint64_t{8} << 56;
    for (const std::uint64_t block : {word, kLength}) {
        v3 ^= block;
        rounds(2);
        v0 ^= block;
    }
    v2 ^= 0xFF;
    rounds(4);
    return v0 ^ v1 ^ v2 ^ v3;
}

void RandomGenerator::seed(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < kSeedBytes) return;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        key_[i / 8 % 2] ^= std::uint64_t{bytes[i]} << (8 * (i % 8));
        if (i % kSeedBytes != kSeedBytes - 1) continue;
        key_[0] = siphash(key_, key_[1]);
        key_[1] = siphash(key_, key_[0]);
    }
    seeded_ = true;
}

std::optional<std::uint64_t> RandomGenerator::next() {
    if (!seeded_) return std::nullopt;
    return siphash(key_, count_++);
}

}  // namespace redoubt::kernel
