// Listings of guest code.
#include "vmmd/trace/code_listing.hpp"

#include <algorithm>
#include <array>

#include "vmmd/linear_memory.hpp"
#include "vmmd/trace/text.hpp"

namespace redoubt::vmmd {

namespace {

constexpr std::size_t kShownBytes = 10;  ///< of an instruction in a line

/// Why nothing can be read at `linear`.
std::string explain(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                    std::uint64_t linear) {
    const auto where = address_text(linear);
    if (!isa::is_possible_address(state, linear)) {
        return where + " is no address: it is not canonical";
    }
    const auto physical = isa::physical_address(state, memory, linear);
    if (!physical) return where + " is not mapped by the guest's page tables";
    return where + " is guest-physical " + hexadecimal(*physical) + ", where there is no memory";
}

/// The bytes before `linear` that can be read without a gap, at most `wanted`.
std::vector<std::uint8_t> bytes_before(const abi::VcpuState& state,
                                       const hvcall::GuestMemory& memory, std::uint64_t linear,
                                       std::size_t wanted) {
    std::vector<std::uint8_t> bytes(std::min<std::uint64_t>(wanted, linear));
    if (isa::inspect(state, memory, linear - bytes.size(), bytes) == bytes.size()) return bytes;
    // The page before is not there: what is left begins with this one.
    bytes.resize(std::min<std::uint64_t>(bytes.size(), linear % 4096));
    bytes.resize(isa::inspect(state, memory, linear - bytes.size(), bytes));
    return bytes;
}

std::string line(const isa::DisassembledInstruction& instruction, char mark) {
    std::string bytes;
    for (std::size_t i = 0; i < std::min(instruction.bytes.size(), kShownBytes); ++i) {
        bytes += format("%02x ", instruction.bytes[i]);
    }
    if (instruction.bytes.size() > kShownBytes) bytes += "…";
    return format("%c %s  %-31s", mark, address_text(instruction.address).c_str(), bytes.c_str()) +
           instruction.text + "\n";
}

}  // namespace

CodeListing list_code(const abi::VcpuState& state, const hvcall::GuestMemory& memory,
                      std::uint64_t linear, std::size_t before, std::size_t after) {
    const auto mode = isa::code_mode(state);
    CodeListing listing;
    listing.address = linear;
    listing.mode = isa::mode_name(mode);

    std::vector<std::uint8_t> bytes(after * isa::kLongestInstruction);
    const auto readable = isa::inspect(state, memory, linear, bytes);
    bytes.resize(readable);
    listing.code = isa::disassemble(bytes, linear, mode, after);
    if (listing.code.size() < after) listing.problem = explain(state, memory, linear + readable);

    // Twice as far back as is shown: the further the start, the better the guess.
    const auto start =
        bytes_before(state, memory, linear, 2 * before * isa::kLongestInstruction / 3);
    listing.before = isa::disassemble_before(start, linear - start.size(), mode, before);
    return listing;
}

std::string to_text(const CodeListing& listing) {
    std::string text;
    for (const auto& instruction : listing.before) text += line(instruction, ' ');
    for (const auto& instruction : listing.code) {
        text += line(instruction, instruction.address == listing.address ? '>' : ' ');
    }
    if (!listing.problem.empty()) text += "  " + listing.problem + "\n";
    return text;
}

}  // namespace redoubt::vmmd
