// Known bytes and their text, in every mode; guessing backwards.
#include "arch/disassembler.hpp"

#include <gtest/gtest.h>

namespace redoubt::vmmd::isa {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string first(const Bytes& code, CodeMode mode, std::uint64_t address = 0x1000) {
    const auto list = disassemble(code, address, mode, 1);
    return list.empty() ? "nothing" : list[0].text;
}

TEST(Disassembler, KnownBytes) {
    EXPECT_EQ(first({0x48, 0x89, 0xC3}, CodeMode::Long64), "mov rbx, rax");
    EXPECT_EQ(first({0x0F, 0x0B}, CodeMode::Long64), "ud2");
    EXPECT_EQ(first({0xEE}, CodeMode::Long64), "out dx, al");
    EXPECT_EQ(first({0xE8, 0xFB, 0x00, 0x00, 0x00}, CodeMode::Long64), "call 0x0000000000001100");
    EXPECT_EQ(first({0x8B, 0x05, 0xFA, 0x0F, 0x00, 0x00}, CodeMode::Long64),
              "mov eax, [0x0000000000002000]");
    EXPECT_EQ(first({0x8B, 0xC3}, CodeMode::Protected32), "mov eax, ebx");
    EXPECT_EQ(first({0x8B, 0xC3}, CodeMode::Real16), "mov ax, bx");
    EXPECT_EQ(first({0x8B, 0xC3}, CodeMode::Protected16), "mov ax, bx");
}

TEST(Disassembler, ARow) {
    const auto list = disassemble(Bytes{0x90, 0x06, 0xF4, 0x48, 0x89}, 0x10, CodeMode::Long64, 10);
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].text, "nop");
    EXPECT_EQ(list[1].text, "(bad)");  // PUSH ES is none in 64-bit mode
    EXPECT_EQ(list[1].address, 0x11U);
    EXPECT_EQ(list[1].bytes, Bytes{0x06});
    EXPECT_EQ(list[2].text, "hlt");  // the next one has no end
    EXPECT_EQ(disassemble(Bytes{0x90, 0x90}, 0, CodeMode::Long64, 1).size(), 1U);
    EXPECT_TRUE(disassemble({}, 0, CodeMode::Long64, 5).empty());
    // 15 bytes without an end are no instruction.
    const auto prefixes = disassemble(Bytes(15, 0x66), 0, CodeMode::Long64, 1);
    ASSERT_EQ(prefixes.size(), 1U);
    EXPECT_EQ(prefixes[0].text, "(bad)");
}

TEST(Disassembler, BeforeAnAddress) {
    // The tail of an instruction, then: mov eax, 1; mov rbx, rax; nop.
    const Bytes code = {0x06, 0xB8, 0x01, 0x00, 0x00, 0x00, 0x48, 0x89, 0xC3, 0x90};
    const auto all = disassemble_before(code, 0x100, CodeMode::Long64, 10);
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].address, 0x101U);
    EXPECT_EQ(all[0].text, "mov eax, 0x01");
    EXPECT_EQ(all[2].text, "nop");
    const auto two = disassemble_before(code, 0x100, CodeMode::Long64, 2);
    ASSERT_EQ(two.size(), 2U);
    EXPECT_EQ(two[0].text, "mov rbx, rax");
    EXPECT_TRUE(disassemble_before({}, 0x100, CodeMode::Long64, 2).empty());
    EXPECT_TRUE(disassemble_before(Bytes{0x06}, 0x100, CodeMode::Long64, 2).empty());
}

}  // namespace
}  // namespace redoubt::vmmd::isa
