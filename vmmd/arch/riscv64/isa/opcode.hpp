// The groups of instructions of 32 bits (Unprivileged Specification 20191213, table 24.1), and how
// far jumps go (2.5).
#pragma once

#include <cstdint>

namespace redoubt::vmmd::isa {

/// The lowest seven bits.
enum Opcode : std::uint32_t {
    kLoad = 0x03,
    kLoadFp = 0x07,
    kMiscMem = 0x0F,
    kOpImm = 0x13,
    kAuipc = 0x17,
    kOpImm32 = 0x1B,
    kStore = 0x23,
    kStoreFp = 0x27,
    kAmo = 0x2F,
    kOp = 0x33,
    kLui = 0x37,
    kOp32 = 0x3B,
    kMadd = 0x43,
    kMsub = 0x47,
    kNmsub = 0x4B,
    kNmadd = 0x4F,
    kOpFp = 0x53,
    kBranch = 0x63,
    kJalr = 0x67,
    kJal = 0x6F,
    kSystem = 0x73,
};

constexpr std::uint64_t bits(std::uint32_t value, unsigned low, unsigned count) {
    return value >> low & ((1U << count) - 1);
}
constexpr std::uint64_t sign_extend(std::uint64_t value, unsigned width) {
    const unsigned unused = 64 - width;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

constexpr std::uint64_t jal_offset(std::uint32_t i) {
    return sign_extend(
        bits(i, 31, 1) << 20 | bits(i, 12, 8) << 12 | bits(i, 20, 1) << 11 | bits(i, 21, 10) << 1,
        21);
}
constexpr std::uint64_t branch_offset(std::uint32_t i) {
    return sign_extend(
        bits(i, 31, 1) << 12 | bits(i, 7, 1) << 11 | bits(i, 25, 6) << 5 | bits(i, 8, 4) << 1, 13);
}

}  // namespace redoubt::vmmd::isa
