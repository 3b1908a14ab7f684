// Traps of the H-extension: what the monitor hears of each.
#include <gtest/gtest.h>

#include "kernel/hv/hext/exit.hpp"

namespace redoubt::kernel::hext {
namespace {

using abi::ExitKind;
using abi::MmioDetail;

constexpr std::uint64_t kPc = 0x8020'0000;

struct Decoded {
    ExitAction action;
    abi::Exit exit;
};
Decoded decode(Trap trap, std::uint32_t exception_exits = 0) {
    trap.pc = kPc;
    Decoded decoded{};
    decoded.exit.kind = ExitKind::Deadline;
    decoded.action = decode_exit(trap, exception_exits, decoded.exit);
    return decoded;
}

TEST(HextExit, ACallEndsTheRunAndTellsWhereItGoesOn) {
    const Decoded call = decode({.cause = 10, .supervisor = true});
    EXPECT_EQ(call.action, ExitAction::ToMonitor);
    EXPECT_EQ(call.exit.kind, ExitKind::Hypercall);
    EXPECT_EQ(call.exit.next_pc, kPc + 4);
}

TEST(HextExit, AnInterruptIsTheHosts) {
    for (const std::uint64_t code : {1, 5, 9})
        EXPECT_EQ(decode({.cause = 1ULL << 63 | code}).action, ExitAction::HostInterrupt);
}

TEST(HextExit, AGuestPageFaultHasItsAddressToTheByte) {
    // htval lacks the lowest two bits, which stval has.
    const Decoded load = decode({.cause = 21, .value = 0xFFFF'1003, .address = 0x1000'0000 >> 2});
    EXPECT_EQ(load.action, ExitAction::GuestFault);
    EXPECT_EQ(load.exit.kind, ExitKind::Mmio);
    EXPECT_EQ(load.exit.info1, 0x1000'0003U);
    EXPECT_EQ(load.exit.info2, 0xFFFF'1003U);
    EXPECT_EQ(load.exit.detail, 0U);
    EXPECT_EQ(load.exit.instruction, 0U);
    EXPECT_EQ(load.exit.next_pc, 0U) << "the processor has not told the length";
    EXPECT_EQ(decode({.cause = 23}).exit.detail, MmioDetail::kWrite);
    EXPECT_EQ(decode({.cause = 20}).exit.detail, MmioDetail::kFetch);
}

TEST(HextExit, ATransformedInstructionTellsTheLengthOfTheOriginal) {
    constexpr std::uint64_t kLoadWord = 0x2583;  // lw a1
    const Decoded word = decode({.cause = 21, .instruction = kLoadWord});
    EXPECT_EQ(word.exit.instruction, kLoadWord);
    EXPECT_EQ(word.exit.next_pc, kPc + 4);
    const Decoded compressed = decode({.cause = 21, .instruction = kLoadWord & ~2ULL});
    EXPECT_EQ(compressed.exit.instruction, kLoadWord & ~2ULL);
    EXPECT_EQ(compressed.exit.next_pc, kPc + 2);
}

TEST(HextExit, APseudoinstructionMeansThePageWalk) {
    const Decoded read =
        decode({.cause = 21, .value = 0x1003, .address = 0x8000 >> 2, .instruction = 0x3000});
    EXPECT_EQ(read.exit.detail, MmioDetail::kPageTable);
    EXPECT_EQ(read.exit.info1, 0x8000U) << "an entry's address is not the access's";
    EXPECT_EQ(read.exit.info2, 0x1003U);
    EXPECT_EQ(read.exit.instruction, 0U);
    EXPECT_EQ(read.exit.next_pc, 0U);
    EXPECT_EQ(decode({.cause = 23, .instruction = 0x3020}).exit.detail,
              MmioDetail::kPageTable | MmioDetail::kWrite);
}

TEST(HextExit, OnlyTheGuestsKernelWaits) {
    constexpr std::uint64_t kWfi = 0x1050'0073;
    const Decoded wait = decode({.cause = 22, .value = kWfi, .supervisor = true});
    EXPECT_EQ(wait.action, ExitAction::Wait);
    EXPECT_EQ(wait.exit.kind, ExitKind::Halt);
    EXPECT_EQ(wait.exit.next_pc, kPc + 4);
    const Decoded user = decode({.cause = 22, .value = kWfi, .supervisor = false});
    EXPECT_EQ(user.action, ExitAction::ToMonitor);
    EXPECT_EQ(user.exit.kind, ExitKind::Instruction);
    EXPECT_EQ(user.exit.instruction, kWfi);
}

TEST(HextExit, OtherVirtualInstructionsAreTheMonitors) {
    const Decoded counter = decode({.cause = 22, .value = 0xC000'22F3, .supervisor = true});
    EXPECT_EQ(counter.exit.kind, ExitKind::Instruction);
    EXPECT_EQ(counter.exit.instruction, 0xC000'22F3U);
}

TEST(HextExit, ExceptionsComeOnlyIfAskedFor) {
    const Decoded asked = decode({.cause = 3, .value = 0x77}, 1U << 3);
    EXPECT_EQ(asked.exit.kind, ExitKind::Exception);
    EXPECT_EQ(asked.exit.detail, 3U);
    EXPECT_EQ(asked.exit.info1, 0x77U);
    for (const std::uint64_t cause : {2ULL, 9ULL, 14ULL, 24ULL, 35ULL, 64ULL}) {
        const Decoded unknown = decode({.cause = cause}, 1U << 3);
        EXPECT_EQ(unknown.action, ExitAction::ToMonitor);
        EXPECT_EQ(unknown.exit.kind, ExitKind::EntryFailure) << cause;
        EXPECT_EQ(unknown.exit.detail, cause);
    }
}

TEST(HextRegisters, GarbageInThePageIsWhatAProcessorKeepsOfIt) {
    // SIE, SPIE, SPP, VS, FS, SUM, MXR; UXL is 2.
    EXPECT_EQ(sanitized_status(~0ULL), 0x2'000C'6722U);
    EXPECT_EQ(sanitized_status(0), 0x2'0000'0000U);
    EXPECT_EQ(sanitized_status(0x2'0000'6120), 0x2'0000'6120U);
    for (std::uint64_t mode = 0; mode < 16; ++mode) {
        const std::uint64_t value = mode << 60 | 0x123'4567'89AB;
        const bool known = mode == 0 || mode == 8 || mode == 9 || mode == 10;
        EXPECT_EQ(sanitized_translation(value), known ? value : 0U) << mode;
    }
}

}  // namespace
}  // namespace redoubt::kernel::hext
