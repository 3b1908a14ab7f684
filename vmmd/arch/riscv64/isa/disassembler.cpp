// Code as data: where instructions begin, and their bits. What they mean gdb knows (vmmctl gdb).
#include "arch/disassembler.hpp"

#include <algorithm>

#include "vmmd/arch/riscv64/isa/memory_access.hpp"
#include "vmmd/device.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd::isa {

std::vector<DisassembledInstruction> disassemble(std::span<const std::uint8_t> code,
                                                 std::uint64_t address, CodeMode,
                                                 std::size_t count) {
    std::vector<DisassembledInstruction> result;
    while (result.size() < count && code.size() >= 2) {
        const unsigned length = instruction_length(code[0]);
        if (length > code.size()) break;
        const auto bytes = code.first(length);
        result.push_back(
            {address,
             {bytes.begin(), bytes.end()},
             (length == 2 ? ".2byte " : ".4byte ") + hexadecimal(load_little_endian(bytes))});
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
