// Whether a file is a kernel that a VM can be started with.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "vmmd/arch/x86_64/boot/bzimage.hpp"

namespace redoubt::vmmd {

inline constexpr std::size_t kKernelHeaderBytes = kBzImageHeaderBytes;

/// `header` is the file's beginning. The error is a sentence; `name` stands for the file.
inline std::expected<void, std::string> check_kernel(
    std::span<const std::uint8_t, kKernelHeaderBytes> header, std::uint64_t file_bytes,
    const std::string& name, std::uint64_t initrd_bytes, std::uint64_t memory_bytes) {
    const auto image = check_bzimage(header, file_bytes);
    if (!image) return std::unexpected(name + ": " + image.error());
    const auto placed = place_linux(*image, initrd_bytes, memory_bytes);
    if (!placed) return std::unexpected(placed.error());
    return {};
}

}  // namespace redoubt::vmmd
