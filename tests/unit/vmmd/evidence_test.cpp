// What was concluded holds until one of the bytes it rests on changes.
#include "vmmd/evidence.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace redoubt::vmmd::isa {
namespace {

constexpr std::uint64_t kBase = 0x10000;

class EvidenceTest : public testing::Test {
  protected:
    EvidenceTest() { memory.add(hvcall::GuestPhysicalAddress{kBase}, bytes); }

    void add(std::uint64_t offset, std::size_t size) {
        evidence.add(memory, kBase + offset, std::span(bytes).subspan(offset, size));
    }

    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(256, 0x5A);
    hvcall::GuestMemory memory;
    Evidence evidence;
};

TEST_F(EvidenceTest, NothingHoldsBeforeItBegins) {
    EXPECT_FALSE(evidence.holds());
    evidence.begin();
    EXPECT_TRUE(evidence.holds());
    evidence.give_up();
    EXPECT_FALSE(evidence.holds());
    evidence.begin();
    EXPECT_TRUE(evidence.holds());
}

TEST_F(EvidenceTest, EveryBitOfItCountsAndNoOther) {
    constexpr std::size_t kFirst = 13, kSize = 15;
    evidence.begin();
    add(kFirst, kSize);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        const bool inside = bit / 8 >= kFirst && bit / 8 < kFirst + kSize;
        EXPECT_EQ(evidence.holds(), !inside) << "bit " << bit;
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    }
}

TEST_F(EvidenceTest, WhatWasReadCountsNotWhatIsThereByThen) {
    evidence.begin();
    evidence.add(memory, kBase + 4, std::uint32_t{0x5A5A'5A5B});
    EXPECT_FALSE(evidence.holds());
    bytes[4] = 0x5B;
    EXPECT_TRUE(evidence.holds());
}

TEST_F(EvidenceTest, WhatCannotBeLookedAtNeverHolds) {
    evidence.begin();
    evidence.add(memory, kBase - 1, std::span(bytes).first(2));
    EXPECT_FALSE(evidence.holds()) << "before memory";
    evidence.begin();
    evidence.add(memory, kBase + 252, std::span(bytes).first(8));
    EXPECT_FALSE(evidence.holds()) << "beyond memory";
}

TEST_F(EvidenceTest, TooMuchNeverHolds) {
    evidence.begin();
    add(0, 7 * 8);
    EXPECT_TRUE(evidence.holds());
    add(100, 1);
    EXPECT_FALSE(evidence.holds());
}

}  // namespace
}  // namespace redoubt::vmmd::isa
