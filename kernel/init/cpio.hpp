// Finding a file in a cpio archive of the "newc" format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace redoubt::kernel {

namespace cpio {

inline constexpr std::size_t kHeaderSize = 110;

/// A header field: 8 hexadecimal digits.
inline std::optional<std::size_t> field(std::span<const std::byte> header, unsigned index) {
    std::size_t value = 0;
    for (const std::byte byte : header.subspan(6 + std::size_t{index} * 8, 8)) {
        const auto digit = std::to_integer<unsigned>(byte);
        unsigned nibble = 0;
        if (digit >= '0' && digit <= '9') {
            nibble = digit - '0';
        } else if ((digit | 0x20U) >= 'a' && (digit | 0x20U) <= 'f') {
            nibble = (digit | 0x20U) - 'a' + 10;
        } else {
            return std::nullopt;
        }
        value = value << 4 | nibble;
    }
    return value;
}

}  // namespace cpio

/// The content of the file of that name; a leading "./" of the archive's names does not count.
inline std::optional<std::span<const std::byte>> find_file(std::span<const std::byte> archive,
                                                           std::string_view name) {
    constexpr unsigned kFileSize = 6, kNameSize = 11;
    const auto padded = [](std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; };
    while (archive.size() >= cpio::kHeaderSize) {
        if (std::string_view{reinterpret_cast<const char*>(archive.data()), 5} != "07070") break;
        const auto file_size = cpio::field(archive, kFileSize);
        const auto name_size = cpio::field(archive, kNameSize);
        if (!file_size || !name_size || *name_size == 0) break;
        const std::size_t data = padded(cpio::kHeaderSize + *name_size);
        if (data > archive.size() || *file_size > archive.size() - data) break;
        std::string_view found{reinterpret_cast<const char*>(archive.data()) + cpio::kHeaderSize,
                               *name_size - 1};
        if (found == "TRAILER!!!") break;
        if (found.starts_with("./")) found.remove_prefix(2);
        if (found == name) return archive.subspan(data, *file_size);
        const std::size_t next = padded(data + *file_size);
        if (next > archive.size()) break;
        archive = archive.subspan(next);
    }
    return std::nullopt;
}

}  // namespace redoubt::kernel
