// The emulator, instruction by instruction, as guests' drivers use them on device memory.
#include "vmmd/arch/x86_64/isa/emulator.hpp"

#include "tests/unit/vmmd/arch/x86_64/isa/guest_fixture.hpp"
#include "vmmd/arch/x86_64/isa/alu.hpp"

namespace redoubt::vmmd::isa {
namespace {

class EmulatorTest : public GuestTest {};

TEST_F(EmulatorTest, StoresOfEverySize) {
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRax] = 0x1122'3344'5566'7788;
    execute({0x88, 0x43, 0x01}, kDevice + 1, true);  // mov [rbx+1], al
    EXPECT_EQ(devices_.value(kDevice + 1, 1), 0x88U);
    execute({0x66, 0x89, 0x43, 0x02}, kDevice + 2, true);  // mov [rbx+2], ax
    EXPECT_EQ(devices_.value(kDevice + 2, 2), 0x7788U);
    execute({0x89, 0x43, 0x10}, kDevice + 0x10, true);  // mov [rbx+16], eax
    EXPECT_EQ(devices_.value(kDevice + 0x10, 4), 0x5566'7788U);
    execute({0x48, 0x89, 0x43, 0x20}, kDevice + 0x20, true);
    EXPECT_EQ(devices_.value(kDevice + 0x20, 8), 0x1122'3344'5566'7788U);
    EXPECT_EQ(devices_.writes, 4U);
}

TEST_F(EmulatorTest, LoadsMergeOrZeroExtendAsTheirSizeDemands) {
    devices_.set(kDevice, 8, 0xAABB'CCDD'EEFF'1122);
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRcx] = ~0ULL;
    execute({0x8A, 0x0B});  // mov cl, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRcx], 0xFFFF'FFFF'FFFF'FF22U);
    execute({0x8A, 0x2B});  // mov ch, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRcx], 0xFFFF'FFFF'FFFF'2222U);
    execute({0x8B, 0x0B});  // mov ecx, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRcx], 0xEEFF'1122U);
    execute({0x4C, 0x8B, 0x03});  // mov r8, [rbx]
    EXPECT_EQ(state_.gpr[abi::kR8], 0xAABB'CCDD'EEFF'1122U);
    execute({0x40, 0x8A, 0x33});  // mov sil, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRsi], 0x22U);
}

TEST_F(EmulatorTest, ExtendingMoves) {
    devices_.set(kDevice, 4, 0x8000'80F0);
    state_.gpr[abi::kRbx] = kDevice;
    execute({0x0F, 0xB6, 0x03});  // movzx eax, byte [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], 0xF0U);
    execute({0x48, 0x0F, 0xBE, 0x03});  // movsx rax, byte [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], 0xFFFF'FFFF'FFFF'FFF0U);
    execute({0x0F, 0xBF, 0x03});  // movsx eax, word [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], 0xFFFF'80F0U);
    execute({0x48, 0x63, 0x03});  // movsxd rax, dword [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], 0xFFFF'FFFF'8000'80F0U);
}

TEST_F(EmulatorTest, AddressingForms) {
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRcx] = 4;
    execute({0xC7, 0x84, 0x8B, 0xF0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12}, kDevice + 0x100, true);
    EXPECT_EQ(devices_.value(kDevice + 0x100, 4), 0x1234'5678U);  // [rbx + rcx*4 + 0xf0]
    state_.gpr[abi::kRbx] = kDevice | 0xFFFF'FFFF'0000'0000;
    execute({0x67, 0x8B, 0x03}, kDevice);  // [ebx]: 32-bit address
    EXPECT_EQ(devices_.reads, 1U);
    // rip-relative: the displacement counts from the end of the instruction.
    state_.rip = kCode;
    const auto displacement = static_cast<std::uint32_t>(0x200000 - (kCode + 6));
    put64(0x200000, 0x99);
    execute({0x8B, 0x05, static_cast<int>(displacement & 0xFF),
             static_cast<int>(displacement >> 8 & 0xFF),
             static_cast<int>(displacement >> 16 & 0xFF), static_cast<int>(displacement >> 24)},
            0x200000);
    EXPECT_EQ(state_.gpr[abi::kRax], 0x99U);
}

TEST_F(EmulatorTest, GsBaseCounts) {
    state_.segments[abi::kGs].base = kDevice;
    execute({0x65, 0x8B, 0x04, 0x25, 0x08, 0, 0, 0}, kDevice + 8);  // mov eax, gs:[8]
    EXPECT_EQ(devices_.reads, 1U);
}

TEST_F(EmulatorTest, ReadModifyWriteSetsFlags) {
    devices_.set(kDevice, 4, 0xF0);
    state_.gpr[abi::kRbx] = kDevice;
    execute({0x83, 0x0B, 0x0F});  // or dword [rbx], 15
    EXPECT_EQ(devices_.value(kDevice, 4), 0xFFU);
    execute({0x83, 0x23, 0xF0});  // and dword [rbx], -16
    EXPECT_EQ(devices_.value(kDevice, 4), 0xF0U);
    execute({0x83, 0x33, 0xFF});  // xor dword [rbx], -1
    EXPECT_EQ(devices_.value(kDevice, 4), 0xFFFF'FF0FU);
    EXPECT_NE(state_.rflags & rflags::kSign, 0U);
    execute({0x81, 0x03, 0xF1, 0, 0, 0});  // add dword [rbx], 0xf1
    EXPECT_EQ(devices_.value(kDevice, 4), 0U);
    EXPECT_NE(state_.rflags & rflags::kZero, 0U);
    EXPECT_NE(state_.rflags & rflags::kCarry, 0U);
    execute({0xFF, 0x0B});  // dec dword [rbx]
    EXPECT_EQ(devices_.value(kDevice, 4), 0xFFFF'FFFFU);
    EXPECT_NE(state_.rflags & rflags::kCarry, 0U) << "DEC leaves the carry";
}

TEST_F(EmulatorTest, TestsAndCompares) {
    devices_.set(kDevice, 4, 0x80);
    state_.gpr[abi::kRbx] = kDevice;
    execute({0xF6, 0x03, 0x80});  // test byte [rbx], 0x80
    EXPECT_EQ(state_.rflags & rflags::kZero, 0U);
    execute({0x83, 0x3B, 0x7F});  // cmp dword [rbx], 127
    EXPECT_EQ(state_.rflags & (rflags::kZero | rflags::kCarry), 0U);
    state_.gpr[abi::kRax] = 0x80;
    execute({0x3B, 0x03});  // cmp eax, [rbx]
    EXPECT_NE(state_.rflags & rflags::kZero, 0U);
    EXPECT_EQ(devices_.writes, 0U);
}

TEST_F(EmulatorTest, Exchanges) {
    devices_.set(kDevice, 4, 5);
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRcx] = 7;
    execute({0x87, 0x0B});  // xchg [rbx], ecx
    EXPECT_EQ(devices_.value(kDevice, 4), 7U);
    EXPECT_EQ(state_.gpr[abi::kRcx], 5U);
    execute({0xF0, 0x0F, 0xC1, 0x0B});  // lock xadd [rbx], ecx
    EXPECT_EQ(devices_.value(kDevice, 4), 12U);
    EXPECT_EQ(state_.gpr[abi::kRcx], 7U);
    state_.gpr[abi::kRax] = 12;
    state_.gpr[abi::kRcx] = 99;
    execute({0xF0, 0x0F, 0xB1, 0x0B});  // lock cmpxchg [rbx], ecx
    EXPECT_EQ(devices_.value(kDevice, 4), 99U);
    EXPECT_NE(state_.rflags & rflags::kZero, 0U);
    execute({0xF0, 0x0F, 0xB1, 0x0B});
    EXPECT_EQ(state_.gpr[abi::kRax], 99U);
    EXPECT_EQ(state_.rflags & rflags::kZero, 0U);
}

TEST_F(EmulatorTest, BitStringsReachBeyondTheOperand) {
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRcx] = 37;
    execute({0x0F, 0xAB, 0x0B}, kDevice + 4, true);  // bts [rbx], ecx
    EXPECT_EQ(devices_.value(kDevice + 4, 4), 1U << 5);
    EXPECT_EQ(state_.rflags & rflags::kCarry, 0U);
    execute({0x0F, 0xBA, 0x63, 0x04, 0x05});  // bt dword [rbx+4], 5
    EXPECT_NE(state_.rflags & rflags::kCarry, 0U);
    state_.gpr[abi::kRbx] = kDevice + 8;
    state_.gpr[abi::kRcx] = 0xFFFF'FFE5;             // -27: 4 bytes back, bit 5
    execute({0x0F, 0xB3, 0x0B}, kDevice + 4, true);  // btr
    EXPECT_EQ(devices_.value(kDevice + 4, 4), 0U);
}

TEST_F(EmulatorTest, ConditionalsAndSwappedMoves) {
    devices_.set(kDevice, 4, 0x1122'3344);
    state_.gpr[abi::kRbx] = kDevice;
    state_.rflags |= rflags::kZero;
    execute({0x0F, 0x44, 0x03});  // cmove eax, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], 0x1122'3344U);
    execute({0x0F, 0x95, 0x43, 0x10}, kDevice + 0x10, true);  // setne [rbx+16]
    EXPECT_EQ(devices_.value(kDevice + 0x10, 1), 0U);
    execute({0x0F, 0x38, 0xF0, 0x03});  // movbe eax, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], 0x4433'2211U);
    execute({0x0F, 0xAF, 0x03});  // imul eax, [rbx]
    EXPECT_EQ(state_.gpr[abi::kRax], (0x4433'2211ULL * 0x1122'3344ULL) & 0xFFFF'FFFF);
}

TEST_F(EmulatorTest, VectorMoves) {
    for (unsigned i = 0; i < 16; ++i)
        devices_.bytes[kDevice + i] = static_cast<std::uint8_t>(i + 1);
    state_.gpr[abi::kRbx] = kDevice;
    execute({0x0F, 0x10, 0x1B});  // movups xmm3, [rbx]
    EXPECT_EQ(state_.xsave_area[160 + 48 + 15], 16);
    execute({0x0F, 0x11, 0x5B, 0x20}, kDevice + 0x20, true);  // movups [rbx+32], xmm3
    EXPECT_EQ(devices_.value(kDevice + 0x28, 8), devices_.value(kDevice + 8, 8));
}

TEST_F(EmulatorTest, RepeatedStoresFillAndFinish) {
    state_.gpr[abi::kRdi] = kDevice;
    state_.gpr[abi::kRcx] = 4;
    state_.gpr[abi::kRax] = 0xAB;
    execute({0xF3, 0xAB}, kDevice, true);  // rep stosd
    EXPECT_EQ(state_.gpr[abi::kRcx], 0U);
    EXPECT_EQ(state_.gpr[abi::kRdi], kDevice + 16);
    EXPECT_EQ(devices_.value(kDevice + 12, 4), 0xABU);
}

TEST_F(EmulatorTest, MovsBetweenMemoryAndDeviceInBothDirections) {
    put64(0x300000, 0x0123'4567'89AB'CDEF);
    state_.gpr[abi::kRsi] = 0x300000;
    state_.gpr[abi::kRdi] = kDevice;
    state_.gpr[abi::kRcx] = 8;
    execute({0xF3, 0xA4}, kDevice, true);  // rep movsb
    EXPECT_EQ(devices_.value(kDevice, 8), 0x0123'4567'89AB'CDEFU);
    state_.rflags |= rflags::kDirection;
    state_.gpr[abi::kRsi] = kDevice + 4;
    state_.gpr[abi::kRdi] = 0x300104;
    state_.gpr[abi::kRcx] = 2;
    execute({0xF3, 0xA5});  // rep movsd, downwards
    EXPECT_EQ(get64(0x300100), 0x0123'4567'89AB'CDEFU);
    EXPECT_EQ(state_.gpr[abi::kRsi], kDevice - 4);
}

TEST_F(EmulatorTest, LongRepetitionsStopHalfWayAndGoOn) {
    state_.gpr[abi::kRdi] = kDevice;
    state_.gpr[abi::kRcx] = 5000;
    code({0xF3, 0xAA});  // rep stosb
    state_.exit.kind = abi::ExitKind::Mmio;
    state_.exit.info1 = kDevice;
    ASSERT_TRUE(emulator_.execute());
    EXPECT_EQ(state_.rip, kCode) << "not finished";
    EXPECT_GT(state_.gpr[abi::kRcx], 0U);
    unsigned more = 0;
    while (state_.rip == kCode && more++ < 20) ASSERT_TRUE(emulator_.execute());
    EXPECT_EQ(state_.gpr[abi::kRcx], 0U);
    EXPECT_EQ(state_.gpr[abi::kRdi], kDevice + 5000);
}

TEST_F(EmulatorTest, ScanStopsAtTheFirstMatch) {
    devices_.set(kDevice, 8, 0x0000'4200'0000'0000);
    state_.gpr[abi::kRdi] = kDevice;
    state_.gpr[abi::kRcx] = 100;
    state_.gpr[abi::kRax] = 0x42;
    execute({0xF2, 0xAE});  // repne scasb
    EXPECT_EQ(state_.gpr[abi::kRdi], kDevice + 6);
    EXPECT_EQ(state_.gpr[abi::kRcx], 94U);
    EXPECT_NE(state_.rflags & rflags::kZero, 0U);
}

TEST_F(EmulatorTest, StringPortIo) {
    put64(0x300000, 0x6463'6261);
    state_.gpr[abi::kRsi] = 0x300000;
    state_.gpr[abi::kRcx] = 4;
    state_.gpr[abi::kRdx] = 0x3F8;
    code({0xF3, 0x6E});  // rep outsb
    state_.exit = {};
    state_.exit.kind = abi::ExitKind::PortIo;
    ASSERT_TRUE(emulator_.execute());
    EXPECT_EQ(devices_.out, (std::vector<std::uint32_t>{0x61, 0x62, 0x63, 0x64}));
    state_.gpr[abi::kRdi] = 0x300100;
    state_.gpr[abi::kRcx] = 2;
    code({0xF3, 0x6C});  // rep insb
    ASSERT_TRUE(emulator_.execute());
    EXPECT_EQ(get64(0x300100) & 0xFFFF, 0x4241U);
}

TEST_F(EmulatorTest, PageFaultOfTheOtherOperandReachesTheGuest) {
    state_.gpr[abi::kRsi] = kDevice;
    state_.gpr[abi::kRdi] = 0x5000'0000;  // not mapped
    execute({0xA5});                      // movsd
    EXPECT_EQ(state_.inject & 0xFF, 14U);
    EXPECT_EQ(state_.inject >> 32, 2U) << "not present, write";
    EXPECT_EQ(state_.cr2, 0x5000'0000U);
    EXPECT_EQ(state_.rip, kCode);
    EXPECT_NE(state_.dirty & static_cast<std::uint32_t>(abi::RegisterGroup::Control), 0U);
}

TEST_F(EmulatorTest, AccessAcrossTwoPagesIsSplit) {
    state_.gpr[abi::kRbx] = kDevice + 0xFFE;
    state_.gpr[abi::kRax] = 0x4433'2211;
    execute({0x89, 0x03}, kDevice + 0xFFE, true);
    EXPECT_EQ(devices_.value(kDevice + 0xFFE, 4), 0x4433'2211U);
    EXPECT_EQ(devices_.writes, 2U);
}

TEST_F(EmulatorTest, CodeThatChangesUnderTheCacheIsDecodedAnew) {
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRax] = 1;
    execute({0x89, 0x03}, kDevice, true);
    state_.rip = kCode;
    devices_.set(kDevice, 4, 0x77);
    execute({0x8B, 0x03});
    EXPECT_EQ(state_.gpr[abi::kRax], 0x77U);
}

TEST_F(EmulatorTest, InstructionAcrossTwoPages) {
    state_.rip = 0x1FFF;
    state_.gpr[abi::kRbx] = kDevice;
    state_.gpr[abi::kRax] = 0x55;
    execute({0x89, 0x03}, kDevice, true);
    EXPECT_EQ(devices_.value(kDevice, 4), 0x55U);
}

TEST_F(EmulatorTest, EmulatedInstructionEndsTheInterruptShadow) {
    state_.interruptibility = abi::kInterruptShadow;
    state_.gpr[abi::kRbx] = kDevice;
    execute({0x8B, 0x03});
    EXPECT_EQ(state_.interruptibility, 0U);
}

TEST_F(EmulatorTest, WhatItCannotDoItSaysAndChangesNothing) {
    code({0x0F, 0x58, 0x03});  // addps xmm0, [rbx]
    state_.exit.kind = abi::ExitKind::Mmio;
    const auto done = emulator_.execute();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error(), "addps");
    EXPECT_EQ(state_.rip, kCode);
    code({0x0F, 0x28, 0xC4});  // movaps xmm0, xmm4: code that another processor has changed since
    EXPECT_FALSE(emulator_.execute());
    EXPECT_EQ(state_.rip, kCode);
    code({0x0F, 0x0B, 0xFF});
    EXPECT_FALSE(emulator_.execute());
    state_.rip = 0x7000'0000;
    EXPECT_EQ(emulator_.execute().error(), "an instruction that cannot be read");
}

TEST_F(EmulatorTest, Cr8MovesAreDecoded) {
    code({0x44, 0x0F, 0x22, 0xC1});  // mov cr8, rcx
    auto access = emulator_.decode_control_access();
    ASSERT_TRUE(access) << access.error();
    EXPECT_EQ(access->number, 8);
    EXPECT_EQ(access->general_register, abi::kRcx);
    EXPECT_EQ(access->length, 4);
    code({0x45, 0x0F, 0x20, 0xC1});  // mov r9, cr8
    access = emulator_.decode_control_access();
    ASSERT_TRUE(access);
    EXPECT_EQ(access->general_register, abi::kR9);
}

TEST_F(EmulatorTest, MovesOfDebugRegistersAreDecoded) {
    code({0x0F, 0x23, 0xFB});  // mov dr7, rbx
    auto access = emulator_.decode_control_access();
    ASSERT_TRUE(access) << access.error();
    EXPECT_EQ(access->number, 7);
    EXPECT_EQ(access->general_register, abi::kRbx);
    EXPECT_EQ(access->length, 3);
    code({0x41, 0x0F, 0x21, 0xF0});  // mov r8, dr6
    access = emulator_.decode_control_access();
    ASSERT_TRUE(access);
    EXPECT_EQ(access->number, 6);
    EXPECT_EQ(access->general_register, abi::kR8);
}

TEST_F(EmulatorTest, RealModeUsesSegmentBases) {
    state_.cr0 = 0;
    state_.efer = 0;
    state_.cs_attributes = 0x9B;
    state_.cs_base = 0x20000;
    state_.rip = 0x10;
    state_.segments[abi::kDs].base = 0xB8000;
    const auto code_bytes = {0xA2, 0x05, 0x00};  // mov [5], al
    std::size_t i = 0;
    for (const int byte : code_bytes) ram_[0x20010 + i++] = static_cast<std::uint8_t>(byte);
    state_.gpr[abi::kRax] = 0x5A;
    state_.exit = {};
    state_.exit.kind = abi::ExitKind::Mmio;
    state_.exit.info1 = 0xB8005;
    ASSERT_TRUE(emulator_.execute());
    EXPECT_EQ(ram_[0xB8005], 0x5A) << "memory here, but the address is what counts";
    EXPECT_EQ(state_.rip, 0x13U);
}

}  // namespace
}  // namespace redoubt::vmmd::isa
