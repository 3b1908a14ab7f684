// An instruction in the form the emulator executes: what Zydis found out, without Zydis.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace redoubt::vmmd::isa {

enum class Operation : std::uint8_t {
    Unsupported,
    Move,         ///< MOV, MOVNTI
    MoveZero,     ///< MOVZX
    MoveSign,     ///< MOVSX, MOVSXD
    MoveSwapped,  ///< MOVBE
    MoveVector,   ///< MOVUPS and its kin: 16 bytes, or 4 or 8 of MOVD, MOVQ
    Add,
    Or,
    Adc,
    Sbb,
    And,
    Sub,
    Xor,
    Compare,
    Test,
    Increment,
    Decrement,
    Not,
    Negate,
    Exchange,
    ExchangeAdd,
    CompareExchange,
    BitTest,
    BitSet,
    BitReset,
    BitComplement,
    ConditionalMove,
    ConditionalSet,
    Multiply,  ///< IMUL register, memory
    StringMove,
    StringStore,
    StringLoad,
    StringCompare,
    StringScan,
    StringIn,
    StringOut,
    ControlWrite,
    ControlRead,  ///< MOV to and from a control or debug register
    Nothing,      ///< CLFLUSH, PREFETCH: no access that a device could see
};

enum class OperandKind : std::uint8_t {
    None,
    Register,
    HighByte,
    Immediate,
    Memory,
    Vector,
    Control,
    Debug
};

struct Operand {
    OperandKind kind = OperandKind::None;
    std::uint8_t index = 0;  ///< of the register, in encoding order
    std::uint8_t size = 0;   ///< bytes
};

inline constexpr std::uint8_t kNoRegister = 0xFF;
inline constexpr std::uint8_t kInstructionPointer = 0xFE;

struct Instruction {
    Operation operation = Operation::Unsupported;
    std::uint8_t length = 0;
    std::uint8_t address_size = 8;  ///< bytes
    std::uint8_t condition = 0;     ///< of ConditionalMove and ConditionalSet, as in the opcode
    Operand destination;
    Operand source;
    // The memory operand: segment:[base + index * scale + displacement].
    std::uint8_t segment = 0;  ///< abi::SegmentIndex
    std::uint8_t base = kNoRegister;
    std::uint8_t index = kNoRegister;
    std::uint8_t scale = 1;
    bool repeat = false;
    bool repeat_while_not_equal = false;
    std::int64_t displacement = 0;
    std::uint64_t immediate = 0;
};

enum class CodeMode : std::uint8_t { Real16, Protected16, Protected32, Long64 };

/// The error names the instruction, or says that the bytes are none.
std::expected<Instruction, std::string> decode(std::span<const std::uint8_t> bytes, CodeMode mode);

}  // namespace redoubt::vmmd::isa
