// Code as text: the names of instructions, and their operands as assemblers write them.
#include "arch/disassembler.hpp"

#include <algorithm>
#include <string_view>

#include "vmmd/arch/riscv64/isa/compressed.hpp"
#include "vmmd/arch/riscv64/isa/instruction_table.hpp"
#include "vmmd/arch/riscv64/isa/memory_access.hpp"
#include "vmmd/arch/riscv64/isa/opcode.hpp"
#include "vmmd/device.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr std::string_view kGeneral[] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                         "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                         "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                         "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr std::string_view kFloating[] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1", "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4", "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
constexpr std::string_view kRounding[] = {",rne", ",rtz",     ",rdn",     ",rup",
                                          ",rmm", ",unknown", ",unknown", ""};

/// With its prefix, 0 too.
std::string hex(std::uint64_t value) {
    return format("0x%llx", static_cast<unsigned long long>(value));
}

/// The instruction's fields as text.
class Operands {
  public:
    Operands(std::uint32_t instruction, std::uint64_t address)
        : instruction_(instruction), address_(address) {}

    bool same_sources() const { return field(15, 5) == field(20, 5); }

    std::string text(std::string_view pattern) const {
        std::string result;
        for (const char letter : pattern) result += operand(letter);
        return result;
    }

  private:
    unsigned field(unsigned low, unsigned count) const {
        return static_cast<unsigned>(bits(instruction_, low, count));
    }
    std::int32_t store_offset() const {
        return static_cast<std::int32_t>(instruction_ & 0xFE00'0000) >> 20 |
               static_cast<std::int32_t>(field(7, 5));
    }
    std::string place(std::int32_t offset) const {
        return format("%d(", offset) + std::string(kGeneral[field(15, 5)]) + ")";
    }
    std::string target(std::uint64_t offset) const { return hex(address_ + offset); }
    static std::string fence(unsigned set) {
        std::string text;
        for (unsigned i = 0; i < 4; ++i) {
            if ((set >> (3 - i) & 1) != 0) text += "iorw"[i];
        }
        return text.empty() ? "unknown" : text;
    }

    std::string operand(char letter) const {
        switch (letter) {
            case 'd':
                return std::string(kGeneral[field(7, 5)]);
            case 's':
                return std::string(kGeneral[field(15, 5)]);
            case 't':
                return std::string(kGeneral[field(20, 5)]);
            case 'D':
                return std::string(kFloating[field(7, 5)]);
            case 'S':
                return std::string(kFloating[field(15, 5)]);
            case 'T':
                return std::string(kFloating[field(20, 5)]);
            case 'R':
                return std::string(kFloating[field(27, 5)]);
            case 'j':
                return std::to_string(static_cast<std::int32_t>(instruction_) >> 20);
            case 'o':
                return place(static_cast<std::int32_t>(instruction_) >> 20);
            case 'q':
                return place(store_offset());
            case 'p':
                return target(branch_offset(instruction_));
            case 'a':
                return target(jal_offset(instruction_));
            case 'u':
                return hex(field(12, 20));
            case '<':
                return hex(field(20, 5));
            case '>':
                return hex(field(20, 6));
            case 'e':
                return csr_name(field(20, 12));
            case 'z':
                return std::to_string(field(15, 5));
            case 'm':
                return std::string(kRounding[field(12, 3)]);
            case 'P':
                return fence(field(24, 4));
            case 'Q':
                return fence(field(20, 4));
            default:
                return std::string(1, letter);
        }
    }

    std::uint32_t instruction_;
    std::uint64_t address_;
};

/// Empty for what has no name.
std::string text_of(std::uint32_t instruction, std::uint64_t address) {
    const Operands operands(instruction, address);
    for (const auto& row : instruction_names()) {
        if ((instruction & row.mask) != row.match) continue;
        std::string_view pattern = row.operands;
        if (pattern.starts_with('=')) {
            if (!operands.same_sources()) continue;
            pattern.remove_prefix(1);
        }
        if (pattern.empty()) return row.name;
        return std::string(row.name) + " " + operands.text(pattern);
    }
    return {};
}

std::string describe(std::uint32_t instruction, unsigned length, std::uint64_t address) {
    if (length == 2 && instruction == 0) return "unimp";
    const auto expanded =
        length == 2 ? expand_compressed(static_cast<std::uint16_t>(instruction)) : instruction;
    auto text = text_of(expanded, address);
    if (!text.empty()) return text;
    return (length == 2 ? ".2byte " : ".4byte ") + hex(instruction);
}

}  // namespace

std::vector<DisassembledInstruction> disassemble(std::span<const std::uint8_t> code,
                                                 std::uint64_t address, CodeMode,
                                                 std::size_t count) {
    std::vector<DisassembledInstruction> result;
    while (result.size() < count && code.size() >= 2) {
        const unsigned length = instruction_length(code[0]);
        if (length > code.size()) break;
        const auto bytes = code.first(length);
        const auto instruction = static_cast<std::uint32_t>(load_little_endian(bytes));
        result.push_back(
            {address, {bytes.begin(), bytes.end()}, describe(instruction, length, address)});
        code = code.subspan(length);
        address += length;
    }
    return result;
}

std::vector<DisassembledInstruction> disassemble_before(std::span<const std::uint8_t> code,
                                                        std::uint64_t address, CodeMode mode,
                                                        std::size_t count) {
    std::vector<DisassembledInstruction> best;
    for (std::size_t skip = code.size() % 2; skip < code.size(); skip += 2) {
        auto row = disassemble(code.subspan(skip), address + skip, mode, code.size());
        const bool ends =
            !row.empty() && row.back().address + row.back().bytes.size() == address + code.size();
        if (ends && row.size() > best.size()) best = std::move(row);
    }
    if (best.size() > count)
        best.erase(best.begin(), best.end() - static_cast<std::ptrdiff_t>(count));
    return best;
}

}  // namespace redoubt::vmmd::isa
