// The disassembler, beside binutils' one.
#include "arch/disassembler.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "vmmd/arch/riscv64/isa/compressed.hpp"
#include "vmmd/arch/riscv64/isa/instruction_table.hpp"

namespace redoubt::vmmd::isa {
namespace {

std::vector<std::uint8_t> bytes_of(std::span<const std::uint32_t> words) {
    std::vector<std::uint8_t> bytes;
    for (const auto word : words) {
        for (unsigned shift = 0; shift < 32; shift += 8)
            bytes.push_back(static_cast<std::uint8_t>(word >> shift));
    }
    return bytes;
}

std::string text(std::uint32_t instruction, std::uint64_t address = 0x1000) {
    const auto rows = disassemble(bytes_of(std::array{instruction}), address, CodeMode::Rv64, 1);
    return rows.empty() ? "" : rows[0].text;
}

/// A folder that goes with the test.
class Folder {
  public:
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "disassemblerXXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string file(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

std::string cut_at(std::string text, const char* mark) { return text.substr(0, text.find(mark)); }

void trim(std::string& text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
}

/// "1234:\t00a1\taddi\ta0,a0,1 # 0x5 <symbol>" as an address and "addi a0,a0,1".
bool parse(const std::string& line, std::uint64_t& address, std::string& text) {
    const auto colon = line.find(":\t");
    if (colon == line.npos) return false;
    const auto begin = line.find('\t', colon + 2);
    if (begin == line.npos) return false;
    address = std::strtoull(line.c_str(), nullptr, 16);
    text = cut_at(cut_at(line.substr(begin + 1), "#"), "<");
    trim(text);
    if (const auto tab = text.find('\t'); tab != text.npos) text[tab] = ' ';
    return true;
}

/// What binutils makes of it, by address.
std::map<std::uint64_t, std::string> oracle(std::span<const std::uint8_t> code) {
    const Folder folder;
    std::ofstream(folder.file("code"), std::ios::binary)
        .write(reinterpret_cast<const char*>(code.data()),
               static_cast<std::streamsize>(code.size()));
    // Without symbols, as the assembler marks what it includes as data.
    const auto object = folder.file("object");
    const auto command =
        "printf '.incbin \"" + folder.file("code") +
        "\"\\n' | riscv64-linux-gnu-as -march=rv64gch_zicsr_zifencei_zihintpause_svinval -o " +
        object + " && riscv64-linux-gnu-strip " + object +
        " && riscv64-linux-gnu-objdump -D -z -j .text " + object;
    std::map<std::uint64_t, std::string> result;
    auto* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return result;
    char* line = nullptr;
    std::size_t size = 0;
    while (getline(&line, &size, pipe) > 0) {
        std::uint64_t address = 0;
        std::string text = line;
        while (!text.empty() && text.back() == '\n') text.pop_back();
        if (parse(text, address, text)) result[address] = text;
    }
    std::free(line);
    EXPECT_EQ(pclose(pipe), 0) << command << " (Debian: binutils-riscv64-linux-gnu)";
    return result;
}

bool is_jump(const std::string& text) {
    return text.starts_with("j ") || text.starts_with("jal ") || text.starts_with("b");
}

/// Both as they can be compared: the operation without the "i" of those with an immediate, which
/// binutils leaves out, and targets without "0x".
std::string comparable(std::string text) {
    const auto space = text.find(' ');
    auto operation = text.substr(0, space);
    auto operands = space == text.npos ? "" : text.substr(space + 1);
    for (const auto* name : {"add", "and", "or", "xor", "sll", "srl", "sra", "csrrw", "csrrs",
                             "csrrc", "csrw", "csrs", "csrc"}) {
        if (operation == name + std::string("i")) operation.pop_back();
    }
    for (const auto* name : {"addiw", "slliw", "srliw", "sraiw"}) {
        if (operation == name) operation.erase(operation.size() - 2, 1);
    }
    if (is_jump(text)) {
        if (const auto at = operands.rfind("0x"); at != operands.npos) operands.erase(at, 2);
    }
    return operation + " " + operands;
}

/// CSRs of harts of 32 bits have no names here, instructions that the specification has given up
/// neither; what binutils 2.40 has no name for although it is one: conversions that are exact with
/// a rounding mode.
bool binutils_own(const std::string& theirs, const std::string& ours) {
    if (theirs == "uret" || theirs == "hret" || theirs == "sfence.vm" ||
        theirs.starts_with("sfence.vm "))
        return true;
    if (theirs.starts_with(".4byte")) return ours.starts_with("fcvt.d.");
    if (!theirs.starts_with("csr")) return false;
    return ours.find("0x") != ours.npos &&
           (theirs.ends_with('h') || theirs.find("h,") != theirs.npos);
}

void compare(std::span<const std::uint8_t> code) {
    const auto theirs = oracle(code);
    const auto ours = disassemble(code, 0, CodeMode::Rv64, code.size());
    ASSERT_EQ(theirs.size(), ours.size());
    for (const auto& row : ours) {
        const auto found = theirs.find(row.address);
        ASSERT_NE(found, theirs.end()) << row.address;
        if (binutils_own(found->second, row.text)) continue;
        ASSERT_EQ(comparable(row.text), comparable(found->second))
            << "at " << std::hex << row.address;
    }
}

/// Hints, which change nothing: binutils shows them otherwise than what they look like.
bool is_hint(std::uint16_t instruction) {
    const auto expanded = expand_compressed(instruction);
    const bool writes_zero = (expanded >> 7 & 31) == 0;
    const auto opcode = expanded & 0x7F;
    const bool is_arithmetic = opcode == 0x13 || opcode == 0x33 || opcode == 0x37;
    const bool by_nothing = opcode == 0x13 && expanded >> 20 == 0 && (expanded >> 12 & 7) != 7;
    const bool shifts_by_nothing = opcode == 0x13 && (expanded >> 20 & 63) == 0;
    const bool shifts = (expanded >> 12 & 3) == 1;
    return instruction != 1 && is_arithmetic &&
           (writes_zero || (shifts && shifts_by_nothing) ||
            (by_nothing && (instruction & 0xE003) == 1));
}

TEST(Disassembler, agrees_with_binutils_on_every_instruction_of_16_bits) {
    constexpr std::uint32_t kReserved = 0x6101;  // binutils: add sp,sp,0
    std::vector<std::uint32_t> words;
    for (std::uint32_t i = 0; i < 0x10000; ++i) {
        if ((i & 3) != 3 && i != kReserved && !is_hint(static_cast<std::uint16_t>(i)))
            words.push_back(i | 0x0001'0000);  // with a C.NOP
    }
    ASSERT_GT(words.size(), 47'000U);
    compare(bytes_of(words));
}

TEST(Disassembler, agrees_with_binutils_on_every_name_and_on_noise) {
    std::mt19937 random(7);
    std::vector<std::uint32_t> words;
    for (const auto& row : instruction_names()) {
        for (unsigned i = 0; i < 200; ++i) words.push_back(row.match | (random() & ~row.mask));
    }
    for (std::uint32_t number = 0; number < 4096; ++number) words.push_back(number << 20 | 0x2573);
    constexpr std::uint32_t kFields[] = {31U << 7, 7U << 12, 31U << 15, 31U << 20, 127U << 25};
    for (unsigned i = 0; i < 50'000; ++i) {
        // Near what there is: one field otherwise. Vector instructions have no names here.
        const auto& row = instruction_names()[random() % instruction_names().size()];
        const auto field = kFields[random() % std::size(kFields)];
        words.push_back((row.match | (random() & ~row.mask)) ^ (random() & field));
    }
    compare(bytes_of(words));
}

TEST(Disassembler, targets_are_addresses) {
    EXPECT_EQ(text(0x0000'A001, 0xFFFF'FFFF'8000'0000), "j 0xffffffff80000000");
    EXPECT_EQ(text(0xFE05'1EE3, 0x1000), "bnez a0,0xffc");
}

TEST(Disassembler, what_has_no_name_is_shown_as_bits) {
    EXPECT_EQ(text(0xFFFF'FFFF), ".4byte 0xffffffff");
    EXPECT_EQ(text(0x0001'8000), ".2byte 0x8000");
    EXPECT_EQ(text(0x0000'0000), "unimp");
    EXPECT_EQ(text(0x5DB0'2573), "csrr a0,0x5db");
}

TEST(Disassembler, an_instruction_whose_end_is_missing_is_left_out) {
    const auto code = bytes_of(std::array{0x0005'0001U});  // c.nop, and half of something
    auto bytes = code;
    bytes[2] = 0x13;
    EXPECT_EQ(disassemble(bytes, 0, CodeMode::Rv64, 9).size(), 1U);
}

}  // namespace
}  // namespace redoubt::vmmd::isa
