// Instructions as text, for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vmmd/arch/x86_64/isa/code_mode.hpp"

namespace redoubt::vmmd::isa {

inline constexpr std::size_t kLongestInstruction = 15;
/// "64-bit", "32-bit", "16-bit", "real mode"
std::string_view mode_name(CodeMode mode);

struct DisassembledInstruction {
    std::uint64_t address = 0;
    std::vector<std::uint8_t> bytes;
    std::string text;  ///< Intel syntax; "(bad)" for a byte with which no instruction begins
};

/// At most `count` instructions from the beginning of `code`, which is at `address`. One whose end
/// is missing is left out.
std::vector<DisassembledInstruction> disassemble(std::span<const std::uint8_t> code,
                                                 std::uint64_t address, CodeMode mode,
                                                 std::size_t count);

/// At most `count` instructions before the end of `code`, which begins at `address`. A guess, as
/// instructions can be read forwards only: the longest row without bad bytes that ends there.
std::vector<DisassembledInstruction> disassemble_before(std::span<const std::uint8_t> code,
                                                        std::uint64_t address, CodeMode mode,
                                                        std::size_t count);

}  // namespace redoubt::vmmd::isa
