// Loads and stores: every bit pattern that an assembler makes of them, and nothing else.
#include "vmmd/arch/riscv64/isa/memory_access.hpp"

#include <gtest/gtest.h>

namespace redoubt::vmmd::isa {
namespace {

constexpr MemoryAccess load(std::uint8_t bytes, bool sign, std::uint8_t to, std::uint8_t length) {
    return {false, sign, bytes, to, length};
}
constexpr MemoryAccess store(std::uint8_t bytes, std::uint8_t from, std::uint8_t length) {
    return {true, false, bytes, from, length};
}

TEST(MemoryAccess, FullInstructions) {
    EXPECT_EQ(decode_memory_access(0x0005'8503), load(1, true, 10, 4));   // lb a0, (a1)
    EXPECT_EQ(decode_memory_access(0x0005'9503), load(2, true, 10, 4));   // lh
    EXPECT_EQ(decode_memory_access(0x0005'A503), load(4, true, 10, 4));   // lw
    EXPECT_EQ(decode_memory_access(0x0005'B503), load(8, false, 10, 4));  // ld
    EXPECT_EQ(decode_memory_access(0x0005'C503), load(1, false, 10, 4));  // lbu
    EXPECT_EQ(decode_memory_access(0x0005'D503), load(2, false, 10, 4));  // lhu
    EXPECT_EQ(decode_memory_access(0x0005'E503), load(4, false, 10, 4));  // lwu
    EXPECT_EQ(decode_memory_access(0x00A5'8023), store(1, 10, 4));        // sb a0, (a1)
    EXPECT_EQ(decode_memory_access(0x00A5'9023), store(2, 10, 4));        // sh
    EXPECT_EQ(decode_memory_access(0x00A5'A023), store(4, 10, 4));        // sw
    EXPECT_EQ(decode_memory_access(0x00A5'B023), store(8, 10, 4));        // sd
}

TEST(MemoryAccess, CompressedInstructions) {
    EXPECT_EQ(decode_memory_access(0x4188), load(4, true, 10, 2));   // c.lw a0, (a1)
    EXPECT_EQ(decode_memory_access(0x6188), load(8, false, 10, 2));  // c.ld a0, (a1)
    EXPECT_EQ(decode_memory_access(0xC188), store(4, 10, 2));        // c.sw a0, (a1)
    EXPECT_EQ(decode_memory_access(0xE188), store(8, 10, 2));        // c.sd a0, (a1)
    EXPECT_EQ(decode_memory_access(0x4502), load(4, true, 10, 2));   // c.lwsp a0, (sp)
    EXPECT_EQ(decode_memory_access(0x6502), load(8, false, 10, 2));  // c.ldsp a0, (sp)
    EXPECT_EQ(decode_memory_access(0xC02A), store(4, 10, 2));        // c.swsp a0, (sp)
    EXPECT_EQ(decode_memory_access(0xE02A), store(8, 10, 2));        // c.sdsp a0, (sp)
    EXPECT_EQ(decode_memory_access(0xFFFF'4188), load(4, true, 10, 2)) << "what follows is ignored";
}

TEST(MemoryAccess, OthersAreNone) {
    for (const auto instruction :
         {0x0000'0013U, 0x0005'A507U /* flw */, 0x00A5'A027U /* fsw */, 0x00B5'252FU /* amoadd.w */,
          0x0000'0073U, 0x0005'F503U, 0x00A5'C023U, 0x0001U, 0x2188U /* c.fld */, 0xA188U, 0x9002U,
          0x4002U /* c.lwsp to zero */, 0x0000U}) {
        EXPECT_FALSE(decode_memory_access(instruction)) << std::hex << instruction;
    }
}

/// All opcodes, widths and registers: what is accepted is a load or store and loses nothing.
TEST(MemoryAccess, AllFullInstructions) {
    for (std::uint32_t opcode = 3; opcode < 0x80; opcode += 4) {
        for (std::uint32_t width = 0; width < 8; ++width) {
            for (std::uint32_t number = 0; number < 32; ++number) {
                const bool is_load = opcode == 0x03 && width != 7;
                const bool is_store = opcode == 0x23 && width < 4;
                const auto instruction = opcode | width << 12 | number << 7 | number << 20;
                const auto access = decode_memory_access(instruction);
                ASSERT_EQ(access.has_value(), is_load || is_store) << std::hex << instruction;
                if (!access) continue;
                EXPECT_EQ(access->write, is_store);
                EXPECT_EQ(access->bytes, 1U << (width & 3));
                EXPECT_EQ(access->general_register, number);
                // As htinst has it, of a full and of a compressed instruction.
                EXPECT_EQ(decode_transformed_access(instruction), access);
                auto compressed = *access;
                compressed.length = 2;
                EXPECT_EQ(decode_transformed_access(instruction & ~2U), compressed);
            }
        }
    }
}

TEST(MemoryAccess, AllCompressedInstructions) {
    for (std::uint32_t instruction = 0; instruction < 0x1'0000; ++instruction) {
        if ((instruction & 3) == 3) continue;
        const auto access = decode_memory_access(instruction);
        if (!access) continue;
        EXPECT_EQ(access->length, 2U);
        EXPECT_TRUE(access->bytes == 4 || access->bytes == 8);
        EXPECT_EQ(access->write, instruction >> 15 != 0);
        EXPECT_LT(access->general_register, 32U);
    }
}

TEST(MemoryAccess, WhatIsNoTransformedInstructionIsNone) {
    EXPECT_FALSE(decode_transformed_access(0));
    EXPECT_FALSE(decode_transformed_access(0x3000));  // a pseudo-instruction: a page walk's
    EXPECT_FALSE(decode_transformed_access(0x1'0000'3503));
}

}  // namespace
}  // namespace redoubt::vmmd::isa
