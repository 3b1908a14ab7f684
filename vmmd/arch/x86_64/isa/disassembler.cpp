// Zydis's formatter.
#include "arch/disassembler.hpp"

#include <array>
#include <optional>

#include "vmmd/arch/x86_64/isa/zydis_decoder.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr std::size_t kLongestInstruction = 15;

class Disassembler {
  public:
    explicit Disassembler(CodeMode mode) : decoder_(make_decoder(mode)) {
        ZydisFormatterInit(&formatter_, ZYDIS_FORMATTER_STYLE_INTEL);
    }

    enum class Result { Instruction, Bad, Incomplete };

    Result decode(std::span<const std::uint8_t> code) {
        const auto status = ZydisDecoderDecodeFull(&decoder_, code.data(), code.size(),
                                                   &instruction_, operands_.data());
        if (ZYAN_SUCCESS(status)) return Result::Instruction;
        const bool ends = status == ZYDIS_STATUS_NO_MORE_DATA && code.size() < kLongestInstruction;
        return ends ? Result::Incomplete : Result::Bad;
    }
    std::size_t length() const { return instruction_.length; }

    std::string text(std::uint64_t address) const {
        std::array<char, 128> buffer{};
        const auto status = ZydisFormatterFormatInstruction(
            &formatter_, &instruction_, operands_.data(), instruction_.operand_count_visible,
            buffer.data(), buffer.size(), address, nullptr);
        return ZYAN_SUCCESS(status) ? buffer.data() : ZydisMnemonicGetString(instruction_.mnemonic);
    }

  private:
    ZydisDecoder decoder_;
    ZydisFormatter formatter_;
    ZydisDecodedInstruction instruction_;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands_;
};

/// Lengths of the instructions that fill `code` exactly, if they do.
std::optional<std::size_t> count_to_end(Disassembler& disassembler,
                                        std::span<const std::uint8_t> code) {
    std::size_t count = 0;
    while (!code.empty()) {
        if (disassembler.decode(code) != Disassembler::Result::Instruction) return std::nullopt;
        code = code.subspan(disassembler.length());
        ++count;
    }
    return count;
}

}  // namespace

std::vector<DisassembledInstruction> disassemble(std::span<const std::uint8_t> code,
                                                 std::uint64_t address, CodeMode mode,
                                                 std::size_t count) {
    Disassembler disassembler(mode);
    std::vector<DisassembledInstruction> result;
    while (result.size() < count && !code.empty()) {
        const auto decoded = disassembler.decode(code);
        if (decoded == Disassembler::Result::Incomplete) break;
        const bool good = decoded == Disassembler::Result::Instruction;
        const auto bytes = code.first(good ? disassembler.length() : 1);
        result.push_back(
            {address, {bytes.begin(), bytes.end()}, good ? disassembler.text(address) : "(bad)"});
        address += bytes.size();
        code = code.subspan(bytes.size());
    }
    return result;
}

std::vector<DisassembledInstruction> disassemble_before(std::span<const std::uint8_t> code,
                                                        std::uint64_t address, CodeMode mode,
                                                        std::size_t count) {
    Disassembler disassembler(mode);
    for (std::size_t start = 0; start < code.size(); ++start) {
        const auto candidate = code.subspan(start);
        const auto found = count_to_end(disassembler, candidate);
        if (!found) continue;
        auto all = disassemble(candidate, address + start, mode, *found);
        const auto surplus = all.size() > count ? all.size() - count : 0;
        all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(surplus));
        return all;
    }
    return {};
}

std::string_view mode_name(CodeMode mode) {
    switch (mode) {
        case CodeMode::Real16:
            return "real mode";
        case CodeMode::Protected16:
            return "16-bit";
        case CodeMode::Protected32:
            return "32-bit";
        case CodeMode::Long64:
            break;
    }
    return "64-bit";
}

}  // namespace redoubt::vmmd::isa
