// Code around an address, through the guest's page tables, and what is said where there is none.
#include "vmmd/trace/code_listing.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vmmd/arch/x86_64/isa/guest_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class CodeListingTest : public isa::GuestTest {
  protected:
    CodeListing list(std::uint64_t linear, std::size_t before = 4, std::size_t after = 3) {
        return list_code(state_, memory_, linear, before, after);
    }
    void bytes(std::uint64_t address, std::initializer_list<int> values) {
        for (const int value : values) ram_[address++] = static_cast<std::uint8_t>(value);
    }
};

TEST_F(CodeListingTest, AroundAnInstruction) {
    for (std::uint64_t i = 0x2000; i < 0x2100; ++i) ram_[i] = 0x90;
    bytes(0x2080, {0x0F, 0x0B, 0x48, 0x89, 0xC3});
    const auto before = ram_;
    const auto listing = list(0x2080);
    EXPECT_EQ(listing.mode, "64-bit");
    EXPECT_EQ(listing.problem, "");
    ASSERT_EQ(listing.before.size(), 4U);
    EXPECT_EQ(listing.before.back().address, 0x207FU);
    ASSERT_EQ(listing.code.size(), 3U);
    EXPECT_EQ(listing.code[1].text, "mov rbx, rax");
    EXPECT_NE(to_text(listing).find("> 0000000000002080  0f 0b                          ud2\n"),
              std::string::npos)
        << to_text(listing);
    EXPECT_EQ(ram_, before) << "accessed bits are the guest's";
}

TEST_F(CodeListingTest, SaysWhereNothingIsMapped) {
    const auto listing = list(0x4000'0000);
    EXPECT_TRUE(listing.code.empty());
    EXPECT_TRUE(listing.before.empty());
    EXPECT_EQ(listing.problem, "0000000040000000 is not mapped by the guest's page tables");
    EXPECT_EQ(list(kDevice).problem,
              "00000000fec00000 is guest-physical 0xfec00000, where there is no memory");
    EXPECT_EQ(list(0x8000'0000'0000'0000).problem,
              "8000000000000000 is no address: it is not canonical");
}

TEST_F(CodeListingTest, EndsWithTheMapping) {
    const std::uint64_t end = kRamSize;
    for (auto i = end - 64; i < end; ++i) ram_[i] = 0x90;
    ram_[end - 1] = 0x48;
    const auto listing = list(end - 2);
    ASSERT_EQ(listing.code.size(), 1U);
    EXPECT_EQ(listing.problem, "0000000001000000 is not mapped by the guest's page tables");
    EXPECT_EQ(listing.before.size(), 4U);
    // Nothing before the first byte of memory.
    EXPECT_TRUE(list(0).before.empty());
}

TEST_F(CodeListingTest, RealMode) {
    state_.cr0 = 0;
    state_.efer = 0;
    state_.cs_attributes = 0x9B;
    bytes(0x7C00, {0xB8, 0x34, 0x12, 0xF4});
    const auto listing = list(0x7C00, 0, 2);
    EXPECT_EQ(listing.mode, "real mode");
    ASSERT_EQ(listing.code.size(), 2U);
    EXPECT_EQ(listing.code[0].text, "mov ax, 0x1234");
}

}  // namespace
}  // namespace redoubt::vmmd
