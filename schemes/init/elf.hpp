// Reader of static ELF64 executables for x86-64 and riscv64 (System V gABI, chapters 4 and 5).
// Freestanding; checks everything before anything is loaded, so a caller may use the segments
// without looking back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace redoubt::elf {

inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t kUserEnd = 0x38'0000'0000;  ///< programs load below this
inline constexpr std::uint16_t kMachineX86_64 = 62;
inline constexpr std::uint16_t kMachineRiscv = 243;
inline constexpr std::uint16_t kMachineAarch64 = 183;
#if defined(__riscv)
inline constexpr std::uint16_t kMachine = kMachineRiscv;
#elif defined(__aarch64__)
inline constexpr std::uint16_t kMachine = kMachineAarch64;
#else
inline constexpr std::uint16_t kMachine = kMachineX86_64;
#endif

struct FileHeader {
    std::uint8_t identification[16];
    std::uint16_t type, machine;
    std::uint32_t version;
    std::uint64_t entry, program_header_offset, section_header_offset;
    std::uint32_t flags;
    std::uint16_t header_size, program_header_size, program_header_count;
    std::uint16_t section_header_size, section_header_count, section_names;
};
static_assert(sizeof(FileHeader) == 64);

struct ProgramHeader {
    std::uint32_t type, flags;
    std::uint64_t offset, address, physical_address, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

inline constexpr std::uint32_t kLoad = 1;
inline constexpr std::uint32_t kInterpreter = 3;
inline constexpr std::uint32_t kExecute = 1, kWrite = 2, kRead = 4;

/// A PT_LOAD segment. `address` is the exact one; its pages are [page_begin, page_end).
struct Segment {
    std::uint64_t address;
    std::uint64_t memory_size;
    std::span<const std::byte> contents;
    std::uint32_t flags;

    std::uint64_t page_begin() const { return address & ~(kPageSize - 1); }
    std::uint64_t page_end() const {
        return (address + memory_size + kPageSize - 1) & ~(kPageSize - 1);
    }
};

inline constexpr std::size_t kMaximumSegments = 12;

struct Image {
    std::uint64_t entry = 0;
    std::uint64_t program_headers = 0;  ///< user address, 0 if no segment holds them
    std::uint32_t program_header_count = 0;
    std::size_t segment_count = 0;
    std::array<Segment, kMaximumSegments> segments{};

    std::span<const Segment> loads() const { return {segments.data(), segment_count}; }
};

/// Fills `image`; returns nullptr, or what is wrong with the file in words.
inline const char* parse(std::span<const std::byte> file, Image& image) {
    image = {};
    FileHeader header;
    if (file.size() < sizeof(header)) {
        return "is too short for an ELF file";
    }
    std::memcpy(&header, file.data(), sizeof(header));
    constexpr std::uint8_t kMagic[] = {0x7F, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* little-endian */};
    if (std::memcmp(header.identification, kMagic, sizeof(kMagic)) != 0) {
        return "is not a 64-bit ELF file";
    }
    if (header.type != 2) {
        return "is not a static, position-dependent executable (link with -static -no-pie)";
    }
    if (header.machine != kMachine) {
        return "is built for another processor";
    }
    if (header.program_header_size != sizeof(ProgramHeader) ||
        header.program_header_offset > file.size() ||
        (file.size() - header.program_header_offset) / sizeof(ProgramHeader) <
            header.program_header_count) {
        return "has a broken program header table";
    }
    const std::size_t table_size = header.program_header_count * sizeof(ProgramHeader);
    for (std::size_t i = 0; i < header.program_header_count; ++i) {
        ProgramHeader program;
        std::memcpy(&program,
                    file.data() + header.program_header_offset + i * sizeof(ProgramHeader),
                    sizeof(program));
        if (program.type == kInterpreter) {
            return "needs a dynamic linker (link with -static)";
        }
        if (program.type != kLoad || program.memory_size == 0) {
            continue;
        }
        if (program.offset > file.size() || file.size() - program.offset < program.file_size) {
            return "is truncated: a segment lies outside the file";
        }
        if (program.memory_size < program.file_size || program.address < kPageSize ||
            program.address >= kUserEnd || program.memory_size > kUserEnd - program.address) {
            return "has a segment at an impossible address";
        }
        if ((program.flags & kWrite) != 0 && (program.flags & kExecute) != 0) {
            return "has a segment that is writable and executable";
        }
        if (image.segment_count == kMaximumSegments) {
            return "has too many segments";
        }
        const Segment segment{program.address, program.memory_size,
                              file.subspan(program.offset, program.file_size), program.flags};
        for (const Segment& other : image.loads()) {
            if (segment.page_begin() < other.page_end() &&
                other.page_begin() < segment.page_end()) {
                return "has segments that share a page";
            }
        }
        if (program.offset <= header.program_header_offset &&
            header.program_header_offset + table_size <= program.offset + program.file_size) {
            image.program_headers =
                program.address + (header.program_header_offset - program.offset);
        }
        image.segments[image.segment_count++] = segment;
    }
    for (const Segment& segment : image.loads()) {
        if ((segment.flags & kExecute) != 0 && header.entry >= segment.address &&
            header.entry - segment.address < segment.memory_size) {
            image.entry = header.entry;
            image.program_header_count = header.program_header_count;
            return nullptr;
        }
    }
    return "has no executable segment with its entry point";
}

}  // namespace redoubt::elf
