// Compressed instructions, and the instructions of traps.
#include "vmmd/arch/riscv64/isa/memory_access.hpp"

#include "vmmd/arch/riscv64/isa/compressed.hpp"

namespace redoubt::vmmd::isa {

namespace {

constexpr unsigned kCompressedLength = 2;

}  // namespace

std::optional<MemoryAccess> decode_compressed_access(std::uint16_t instruction) {
    auto access = decode_full_access(expand_compressed(instruction));
    if (access) access->length = kCompressedLength;
    return access;
}

/// Bit 0 is always set there; bit 1 is clear if the instruction was a compressed one.
std::optional<MemoryAccess> decode_transformed_access(std::uint64_t htinst) {
    if ((htinst & 1) == 0 || htinst >> 32 != 0) return std::nullopt;
    auto access = decode_full_access(static_cast<std::uint32_t>(htinst) | 2);
    if (access && (htinst & 2) == 0) access->length = kCompressedLength;
    return access;
}

}  // namespace redoubt::vmmd::isa
