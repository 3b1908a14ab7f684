// The two tables: 32-bit and compressed instructions.
#include "vmmd/arch/riscv64/isa/memory_access.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr std::uint32_t kLoad = 0x03, kStore = 0x23;
constexpr unsigned kFullLength = 4, kCompressedLength = 2;

constexpr std::uint8_t bits(std::uint32_t value, unsigned low, unsigned count) {
    return static_cast<std::uint8_t>(value >> low & ((1U << count) - 1));
}

std::optional<MemoryAccess> decode_full(std::uint32_t instruction) {
    const auto opcode = instruction & 0x7F;
    const auto width = bits(instruction, 12, 3);
    const auto size = static_cast<std::uint8_t>(1U << (width & 3));
    if (opcode == kLoad && width != 7) {
        return MemoryAccess{false, width < 3, size, bits(instruction, 7, 5), kFullLength};
    }
    if (opcode == kStore && width < 4) {
        return MemoryAccess{true, false, size, bits(instruction, 20, 5), kFullLength};
    }
    return std::nullopt;
}

std::optional<MemoryAccess> decode_compressed(std::uint32_t instruction) {
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

}  // namespace

std::optional<MemoryAccess> decode_memory_access(std::uint32_t instruction) {
    return instruction_length(instruction) == 4 ? decode_full(instruction)
                                                : decode_compressed(instruction & 0xFFFF);
}

/// Bit 0 is always set there; bit 1 is clear if the instruction was a compressed one.
std::optional<MemoryAccess> decode_transformed_access(std::uint64_t htinst) {
    if ((htinst & 1) == 0 || htinst >> 32 != 0) return std::nullopt;
    auto access = decode_full(static_cast<std::uint32_t>(htinst) | 2);
    if (access && (htinst & 2) == 0) access->length = kCompressedLength;
    return access;
}

}  // namespace redoubt::vmmd::isa
