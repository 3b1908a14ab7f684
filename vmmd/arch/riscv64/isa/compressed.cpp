// Instructions of 16 bits (Unprivileged Specification 20191213, chapter 16).
#include "vmmd/arch/riscv64/isa/compressed.hpp"

#include "vmmd/arch/riscv64/isa/opcode.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr std::uint32_t kReturn = 1, kStack = 2;  // ra, sp

/// Where the pieces of an immediate are in the instruction: `count` bits from `from` on are its
/// bits from `to` on.
struct Piece {
    unsigned from, count, to;
};

class Compressed {
  public:
    explicit constexpr Compressed(std::uint32_t bits) : bits_(bits) {}

    constexpr std::uint32_t field(unsigned low, unsigned count) const {
        return bits_ >> low & ((1U << count) - 1);
    }
    constexpr std::uint32_t function() const { return field(13, 3); }
    constexpr std::uint32_t rd() const { return field(7, 5); }
    constexpr std::uint32_t rs2() const { return field(2, 5); }
    /// The eight most used registers.
    constexpr std::uint32_t short_rs1() const { return 8 + field(7, 3); }
    constexpr std::uint32_t short_rs2() const { return 8 + field(2, 3); }

    template <class... Pieces>
    constexpr std::uint32_t immediate(Pieces... pieces) const {
        return (... | (field(pieces.from, pieces.count) << pieces.to));
    }
    /// Of six bits, and as a number with a sign.
    constexpr std::uint32_t six() const { return immediate(Piece{12, 1, 5}, Piece{2, 5, 0}); }
    constexpr std::uint32_t signed_six() const { return sign_extend(six(), 6); }

    static constexpr std::uint32_t sign_extend(std::uint32_t value, unsigned width) {
        const unsigned unused = 32 - width;
        return static_cast<std::uint32_t>(static_cast<std::int32_t>(value << unused) >> unused);
    }

  private:
    std::uint32_t bits_;
};

constexpr std::uint32_t upper(Opcode opcode, std::uint32_t rd, std::uint32_t value) {
    return opcode | rd << 7 | (value & 0xFFFF'F000);
}
constexpr std::uint32_t immediate(Opcode opcode, std::uint32_t funct3, std::uint32_t rd,
                                  std::uint32_t rs1, std::uint32_t value) {
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | value << 20;
}
constexpr std::uint32_t registers(Opcode opcode, std::uint32_t funct3, std::uint32_t funct7,
                                  std::uint32_t rd, std::uint32_t rs1, std::uint32_t rs2) {
    return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25;
}
constexpr std::uint32_t store(Opcode opcode, std::uint32_t funct3, std::uint32_t rs1,
                              std::uint32_t rs2, std::uint32_t value) {
    return registers(opcode, funct3, value >> 5, value & 31, rs1, rs2);
}
constexpr std::uint32_t branch(std::uint32_t funct3, std::uint32_t rs1, std::uint32_t value) {
    const auto low = (value & 0x1E) | (value >> 11 & 1);
    return registers(kBranch, funct3, (value >> 12 & 1) << 6 | (value >> 5 & 63), low, rs1, 0);
}
constexpr std::uint32_t jump(std::uint32_t value) {
    return kJal | (value >> 20 & 1) << 31 | (value >> 1 & 0x3FF) << 21 | (value >> 11 & 1) << 20 |
           (value >> 12 & 0xFF) << 12;
}

constexpr std::uint32_t kWord = 2, kDoubleword = 3;

std::uint32_t quadrant_0(Compressed i) {
    const auto word = i.immediate(Piece{10, 3, 3}, Piece{6, 1, 2}, Piece{5, 1, 6});
    const auto doubleword = i.immediate(Piece{10, 3, 3}, Piece{5, 2, 6});
    const auto base = i.short_rs1(), value = i.short_rs2();
    switch (i.function()) {
        case 0: {
            const auto offset =
                i.immediate(Piece{11, 2, 4}, Piece{7, 4, 6}, Piece{6, 1, 2}, Piece{5, 1, 3});
            return offset != 0 ? immediate(kOpImm, 0, value, kStack, offset) : 0;
        }
        case 1:
            return immediate(kLoadFp, kDoubleword, value, base, doubleword);
        case 2:
            return immediate(kLoad, kWord, value, base, word);
        case 3:
            return immediate(kLoad, kDoubleword, value, base, doubleword);
        case 5:
            return store(kStoreFp, kDoubleword, base, value, doubleword);
        case 6:
            return store(kStore, kWord, base, value, word);
        case 7:
            return store(kStore, kDoubleword, base, value, doubleword);
        default:
            return 0;
    }
}

/// ADDI16SP and LUI.
std::uint32_t upper_or_stack(Compressed i) {
    if (i.rd() == kStack) {
        const auto value = i.immediate(Piece{12, 1, 9}, Piece{6, 1, 4}, Piece{5, 1, 6},
                                       Piece{3, 2, 7}, Piece{2, 1, 5});
        if (value == 0) return 0;
        return immediate(kOpImm, 0, kStack, kStack, Compressed::sign_extend(value, 10));
    }
    return i.six() != 0 ? upper(kLui, i.rd(), i.signed_six() << 12) : 0;
}

std::uint32_t arithmetic(Compressed i) {
    const auto rd = i.short_rs1();
    switch (i.field(10, 2)) {
        case 0:
            return immediate(kOpImm, 5, rd, rd, i.six());
        case 1:
            return immediate(kOpImm, 5, rd, rd, i.six() | 1U << 10);
        case 2:
            return immediate(kOpImm, 7, rd, rd, i.signed_six());
        default:
            break;
    }
    constexpr std::uint32_t kSubtract = 0x20;
    constexpr std::uint32_t kFunction[] = {0, 4, 6, 7};  // SUB, XOR, OR, AND
    const auto which = i.field(5, 2);
    const auto funct7 = which == 0 ? kSubtract : 0;
    if (i.field(12, 1) == 0) return registers(kOp, kFunction[which], funct7, rd, rd, i.short_rs2());
    if (which > 1) return 0;
    return registers(kOp32, 0, funct7, rd, rd, i.short_rs2());  // SUBW, ADDW
}

std::uint32_t quadrant_1(Compressed i) {
    switch (i.function()) {
        case 0:
            return immediate(kOpImm, 0, i.rd(), i.rd(), i.signed_six());
        case 1:
            return i.rd() != 0 ? immediate(kOpImm32, 0, i.rd(), i.rd(), i.signed_six()) : 0;
        case 2:
            return immediate(kOpImm, 0, i.rd(), 0, i.signed_six());
        case 3:
            return upper_or_stack(i);
        case 4:
            return arithmetic(i);
        case 5:
            return jump(Compressed::sign_extend(
                i.immediate(Piece{12, 1, 11}, Piece{11, 1, 4}, Piece{9, 2, 8}, Piece{8, 1, 10},
                            Piece{7, 1, 6}, Piece{6, 1, 7}, Piece{3, 3, 1}, Piece{2, 1, 5}),
                12));
        default:
            return branch(
                i.function() & 1, i.short_rs1(),
                Compressed::sign_extend(i.immediate(Piece{12, 1, 8}, Piece{10, 2, 3},
                                                    Piece{5, 2, 6}, Piece{3, 2, 1}, Piece{2, 1, 5}),
                                        9));
    }
}

/// JR, MV, EBREAK, JALR and ADD.
std::uint32_t jump_or_add(Compressed i) {
    constexpr std::uint32_t kEbreak = 0x0010'0073;
    const bool second = i.field(12, 1) != 0;
    if (i.rs2() == 0) {
        if (i.rd() == 0) return second ? kEbreak : 0;
        return immediate(kJalr, 0, second ? kReturn : 0, i.rd(), 0);
    }
    if (second) return registers(kOp, 0, 0, i.rd(), i.rd(), i.rs2());
    return immediate(kOpImm, 0, i.rd(), i.rs2(), 0);  // which does the same, and is called MV
}

std::uint32_t quadrant_2(Compressed i) {
    const auto load_word = i.immediate(Piece{12, 1, 5}, Piece{4, 3, 2}, Piece{2, 2, 6});
    const auto load_doubleword = i.immediate(Piece{12, 1, 5}, Piece{5, 2, 3}, Piece{2, 3, 6});
    const auto store_word = i.immediate(Piece{9, 4, 2}, Piece{7, 2, 6});
    const auto store_doubleword = i.immediate(Piece{10, 3, 3}, Piece{7, 3, 6});
    switch (i.function()) {
        case 0:
            return immediate(kOpImm, 1, i.rd(), i.rd(), i.six());
        case 1:
            return immediate(kLoadFp, kDoubleword, i.rd(), kStack, load_doubleword);
        case 2:
            return i.rd() != 0 ? immediate(kLoad, kWord, i.rd(), kStack, load_word) : 0;
        case 3:
            return i.rd() != 0 ? immediate(kLoad, kDoubleword, i.rd(), kStack, load_doubleword) : 0;
        case 4:
            return jump_or_add(i);
        case 5:
            return store(kStoreFp, kDoubleword, kStack, i.rs2(), store_doubleword);
        case 6:
            return store(kStore, kWord, kStack, i.rs2(), store_word);
        default:
            return store(kStore, kDoubleword, kStack, i.rs2(), store_doubleword);
    }
}

}  // namespace

std::uint32_t expand_compressed(std::uint16_t instruction) {
    const Compressed i{instruction};
    switch (instruction & 3) {
        case 0:
            return quadrant_0(i);
        case 1:
            return quadrant_1(i);
        default:
            return quadrant_2(i);
    }
}

}  // namespace redoubt::vmmd::isa
