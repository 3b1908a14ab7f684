// Instructions as text, for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi/vcpu_state.hpp"

namespace redoubt::vmmd::isa {

enum class CodeMode { Rv64 };
inline CodeMode code_mode(const abi::VcpuState&) { return CodeMode::Rv64; }
inline std::string_view mode_name(CodeMode) { return "rv64"; }

inline constexpr std::size_t kLongestInstruction = 4;

struct DisassembledInstruction {
    std::uint64_t address = 0;
    std::vector<std::uint8_t> bytes;
    /// As the specification has it, compressed instructions as those that do the same; ".2byte …"
    /// or
    /// ".4byte …" for what has no name here.
    std::string text;
};

/// At most `count` instructions from the beginning of `code`, which is at `address`. One whose end
/// is missing is left out.
std::vector<DisassembledInstruction> disassemble(std::span<const std::uint8_t> code,
                                                 std::uint64_t address, CodeMode mode,
                                                 std::size_t count);

/// At most `count` instructions before the end of `code`, which begins at `address`. A guess, as
/// instructions can be read forwards only: the longest row that ends there.
std::vector<DisassembledInstruction> disassemble_before(std::span<const std::uint8_t> code,
                                                        std::uint64_t address, CodeMode mode,
                                                        std::size_t count);

}  // namespace redoubt::vmmd::isa
