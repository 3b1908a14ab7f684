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

/// Of the instruction that the low bits are, 16 or 32 of them. Nothing if it is no load or store of
/// a general register; atomic operations are none either.
std::optional<MemoryAccess> decode_memory_access(std::uint32_t instruction);

/// Of what a trap tells: an instruction in the form of htinst (Privileged Specification 8.6.3).
std::optional<MemoryAccess> decode_transformed_access(std::uint64_t htinst);

/// Bytes of the instruction that begins with these bits.
constexpr unsigned instruction_length(std::uint32_t instruction) {
    return (instruction & 3) == 3 ? 4 : 2;
}

}  // namespace redoubt::vmmd::isa
