// What instructions are called, and where their operands are.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace redoubt::vmmd::isa {

/// Of all instructions with `match` in the bits of `mask`.
struct InstructionName {
    std::uint32_t mask = 0, match = 0;
    const char* name = "";
    /// A letter for each operand, everything else as it is printed: d, s, t are the general
    /// registers rd, rs1 and rs2; D, S, T, R the floating-point ones and rs3; j an immediate; o and
    /// q the places of a load and a store; p and a the targets of a branch and a jump; u an upper
    /// immediate; < and > shifts by 5 and 6 bits; e a CSR; z an immediate in rs1's place; m a
    /// rounding mode, if it is not the dynamic one; P and Q what a fence is between. A leading '='
    /// means that rs1 and rs2 are the same.
    const char* operands = "";
};

/// Of 32 bits; what has several names has the one that assemblers prefer first.
std::span<const InstructionName> instruction_names();

/// "sstatus"; "0x5db" for one without a name.
std::string csr_name(unsigned number);

}  // namespace redoubt::vmmd::isa
