// Linux's Image format and where its parts go (Documentation/arch/riscv/boot-image-header.rst and
// boot.rst).
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace redoubt::vmmd {

inline constexpr std::size_t kLinuxImageHeaderBytes = 64;

struct LinuxImage {
    std::uint64_t text_offset = 0;   ///< from the start of memory
    std::uint64_t memory_bytes = 0;  ///< that the running kernel begins with, its BSS included
};

/// `header` is the file's beginning, `file_bytes` its size. The error is a sentence's end.
std::expected<LinuxImage, std::string> check_linux_image(std::span<const std::uint8_t> header,
                                                         std::uint64_t file_bytes);

/// Guest-physical addresses.
struct LinuxPlacement {
    std::uint64_t kernel = 0;
    std::uint64_t initrd = 0;
    std::uint64_t device_tree = 0;
};

/// The tree and the initrd go to the end of memory. The error is a sentence that names what is too
/// large.
std::expected<LinuxPlacement, std::string> place_linux(const LinuxImage& image,
                                                       std::uint64_t initrd_bytes,
                                                       std::uint64_t tree_bytes,
                                                       std::uint64_t memory_bytes);

}  // namespace redoubt::vmmd
