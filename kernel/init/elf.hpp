// What the kernel needs of the ELF format to load init: a static ELF64 executable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernel/result.hpp"

namespace redoubt::kernel {

struct ElfHeader {
    std::uint8_t identification[16];
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, program_header_offset, section_header_offset;
    std::uint32_t flags;
    std::uint16_t header_size, program_header_size, program_header_count;
    std::uint16_t section_header_size, section_header_count, section_name_index;
};
static_assert(sizeof(ElfHeader) == 64);

struct ElfSegment {
    static constexpr std::uint32_t kLoad = 1;
    static constexpr std::uint32_t kExecute = 1, kWrite = 2, kRead = 4;

    std::uint32_t type, flags;
    std::uint64_t offset, address, physical_address, file_size, memory_size, alignment;
};
static_assert(sizeof(ElfSegment) == 56);

/// Calls `load(segment, file bytes)` for each loadable segment, which returns Result<void>; the
/// result is the entry point. InvalidArgument if the file is not an executable that can be loaded
/// below `address_end`.
template <class Loader>
Result<std::uint64_t> load_elf(std::span<const std::byte> file, std::uint64_t address_end,
                               Loader&& load) {
    constexpr std::uint8_t kMagic[] = {0x7F, 'E', 'L', 'F', 2, 1};
    constexpr std::uint16_t kExecutable = 2;
    ElfHeader header;
    if (file.size() < sizeof header) return abi::Error::InvalidArgument;
    std::memcpy(&header, file.data(), sizeof header);
    if (std::memcmp(header.identification, kMagic, sizeof kMagic) != 0 ||
        header.type != kExecutable || header.program_header_size != sizeof(ElfSegment) ||
        header.program_header_offset > file.size() ||
        header.program_header_count >
            (file.size() - header.program_header_offset) / sizeof(ElfSegment)) {
        return abi::Error::InvalidArgument;
    }
    for (unsigned i = 0; i < header.program_header_count; ++i) {
        ElfSegment segment;
        std::memcpy(&segment, file.data() + header.program_header_offset + i * sizeof segment,
                    sizeof segment);
        if (segment.type != ElfSegment::kLoad || segment.memory_size == 0) continue;
        if (segment.file_size > segment.memory_size || segment.offset > file.size() ||
            segment.file_size > file.size() - segment.offset || segment.address >= address_end ||
            segment.memory_size > address_end - segment.address) {
            return abi::Error::InvalidArgument;
        }
        REDOUBT_TRY(load(segment, file.subspan(segment.offset, segment.file_size)));
    }
    return header.entry;
}

}  // namespace redoubt::kernel
