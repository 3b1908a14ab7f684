// Loads and stores, decoded for the emulation of device registers (Unprivileged Specification
// 20191213, chapters 2, 5, 16, 24).
#pragma once

#include <cstdint>
#include <optional>

namespace redoubt::vmmd::isa {

struct MemoryAccess {
    bool write = false;
    bool sign_extends = false;
    std::uint8_t bytes = 0;             ///< 1, 2, 4 or 8
    std::uint8_t general_register = 0;  ///< read by a store, written by a load
    std::uint8_t length = 0;            ///< of the instruction

    friend bool operator==(const MemoryAccess&, const MemoryAccess&) = default;
};

namespace detail {
constexpr std::uint8_t bits(std::uint32_t value, unsigned low, unsigned count) {
    return static_cast<std::uint8_t>(value >> low & ((1U << count) - 1));
}
}  // namespace detail

/// Bytes of the instruction that begins with these bits.
constexpr unsigned instruction_length(std::uint32_t instruction) {
    return (instruction & 3) == 3 ? 4 : 2;
}

/// Of an instruction of 32 bits. Inline: it is done for every access to a device.
constexpr std::optional<MemoryAccess> decode_full_access(std::uint32_t instruction) {
    using detail::bits;
    constexpr std::uint32_t kLoad = 0x03, kStore = 0x23;
    const auto opcode = instruction & 0x7F;
    const auto width = bits(instruction, 12, 3);
    const auto size = static_cast<std::uint8_t>(1U << (width & 3));
    if (opcode == kLoad && width != 7) {
        return MemoryAccess{false, width < 3, size, bits(instruction, 7, 5), 4};
    }
    if (opcode == kStore && width < 4) {
        return MemoryAccess{true, false, size, bits(instruction, 20, 5), 4};
    }
    return std::nullopt;
}
std::optional<MemoryAccess> decode_compressed_access(std::uint16_t instruction);

/// Of the instruction that the low bits are, 16 or 32 of them. Nothing if it is no load or store of
/// a general register; atomic operations are none either.
inline std::optional<MemoryAccess> decode_memory_access(std::uint32_t instruction) {
    return instruction_length(instruction) == 4
               ? decode_full_access(instruction)
               : decode_compressed_access(static_cast<std::uint16_t>(instruction));
}

/// What a load puts into its register, of the bytes that it read.
constexpr std::uint64_t loaded_value(std::uint64_t value, const MemoryAccess& access) {
    if (access.bytes == 8) return value;
    const unsigned unused = 64 - 8 * access.bytes;
    if (!access.sign_extends) return value << unused >> unused;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

/// Of what a trap tells: an instruction in the form of htinst (Privileged Specification 8.6.3).
std::optional<MemoryAccess> decode_transformed_access(std::uint64_t htinst);

}  // namespace redoubt::vmmd::isa
