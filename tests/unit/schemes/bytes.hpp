// Between text and bytes, for the tests of the schemes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemes/libscheme/file.hpp"

namespace redoubt::test {

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What one read gives, or "error N".
inline std::string read_text(scheme::File& file, std::uint64_t offset = 0,
                             std::size_t size = 3552) {
    std::vector<std::byte> buffer(size);
    const auto count = file.read(offset, buffer);
    if (!count) {
        return "error " + std::to_string(static_cast<unsigned>(count.error()));
    }
    return text_of(std::span(buffer).first(*count));
}

}  // namespace redoubt::test
