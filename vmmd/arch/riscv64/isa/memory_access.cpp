// The table of compressed instructions, and the instructions of traps.
#include "vmmd/arch/riscv64/isa/memory_access.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr unsigned kCompressedLength = 2;

}  // namespace

std::optional<MemoryAccess> decode_compressed_access(std::uint16_t instruction) {
    using detail::bits;
    const auto quadrant = instruction & 3;
    const auto function = bits(instruction, 13, 3);
    // 2 and 3 load, 6 and 7 store, words and doublewords; the others are of floating-point
    // registers, or no accesses.
    if ((function & 2) == 0 || quadrant == 1) return std::nullopt;
    const bool write = (function & 4) != 0;
    const std::uint8_t size = (function & 1) != 0 ? 8 : 4;
    std::uint8_t general = 0;
    if (quadrant == 0) {
        general = static_cast<std::uint8_t>(8 + bits(instruction, 2, 3));
    } else {
        general = write ? bits(instruction, 2, 5) : bits(instruction, 7, 5);
        if (!write && general == 0) return std::nullopt;  // reserved
    }
    return MemoryAccess{write, !write && size == 4, size, general, kCompressedLength};
}

/// Bit 0 is always set there; bit 1 is clear if the instruction was a compressed one.
std::optional<MemoryAccess> decode_transformed_access(std::uint64_t htinst) {
    if ((htinst & 1) == 0 || htinst >> 32 != 0) return std::nullopt;
    auto access = decode_full_access(static_cast<std::uint32_t>(htinst) | 2);
    if (access && (htinst & 2) == 0) access->length = kCompressedLength;
    return access;
}

}  // namespace redoubt::vmmd::isa
