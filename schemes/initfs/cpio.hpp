// Reader of the boot archive: cpio in "newc" form (cpio(5)), read in place. Freestanding; never
// allocates and never reads outside the bytes it was given, whatever they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace redoubt::cpio {

/// One member. Name and contents point into the archive.
struct Entry {
    std::string_view name;  ///< without leading "./" or "/"
    std::span<const std::byte> contents;
    std::uint32_t mode = 0;

    bool is_directory() const { return (mode & 0170000) == 0040000; }
    bool is_regular() const { return (mode & 0170000) == 0100000; }
};

/// Walks the members in archive order; stops for good at the trailer or at the first malformed
/// header.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> archive) : rest_(archive) {}

    std::optional<Entry> next();

    /// True once next() returned nothing because of a malformed or truncated member.
    bool is_malformed() const { return malformed_; }

  private:
    std::optional<Entry> fail();

    std::span<const std::byte> rest_;
    bool malformed_ = false;
};

/// The regular file of that name; the last one wins, as with every unpacker.
std::optional<Entry> find(std::span<const std::byte> archive, std::string_view name);

/// `name` without leading "/" and "./".
std::string_view normalized(std::string_view name);

namespace detail {

inline constexpr std::size_t kHeaderSize = 110;
inline constexpr std::size_t kFieldSize = 8;

inline std::optional<std::uint32_t> hexadecimal(std::string_view digits) {
    std::uint32_t value = 0;
    for (const char c : digits) {
        std::uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = static_cast<std::uint32_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<std::uint32_t>(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = static_cast<std::uint32_t>(c - 'A') + 10;
        } else {
            return std::nullopt;
        }
        value = value << 4 | digit;
    }
    return value;
}

constexpr std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

}  // namespace detail

inline std::string_view normalized(std::string_view name) {
    for (;;) {
        if (name.starts_with("./")) {
            name.remove_prefix(2);
        } else if (name.starts_with('/')) {
            name.remove_prefix(1);
        } else {
            return name == "." ? std::string_view{} : name;
        }
    }
}

inline std::optional<Entry> Reader::fail() {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
}

inline std::optional<Entry> Reader::next() {
    using namespace detail;
    if (rest_.empty()) {
        return std::nullopt;
    }
    if (rest_.size() < kHeaderSize) {
        return fail();
    }
    const std::string_view header(reinterpret_cast<const char*>(rest_.data()), kHeaderSize);
    if (!header.starts_with("070701") && !header.starts_with("070702")) {
        return fail();
    }
    const auto field = [&](std::size_t index) {
        return hexadecimal(header.substr(6 + index * kFieldSize, kFieldSize));
    };
    const auto mode = field(1);
    const auto file_size = field(6);
    const auto name_size = field(11);
    if (!mode || !file_size || !name_size || *name_size == 0) {
        return fail();
    }
    const std::size_t contents_offset = padded(kHeaderSize + std::size_t{*name_size});
    if (contents_offset > rest_.size() || rest_.size() - contents_offset < *file_size) {
        return fail();
    }
    std::string_view name(reinterpret_cast<const char*>(rest_.data()) + kHeaderSize,
                          *name_size - 1);
    name = name.substr(0, name.find('\0'));
    if (name == "TRAILER!!!") {
        rest_ = {};
        return std::nullopt;
    }
    const Entry entry{normalized(name), rest_.subspan(contents_offset, *file_size), *mode};
    const std::size_t end = padded(contents_offset + *file_size);
    rest_ = end < rest_.size() ? rest_.subspan(end) : std::span<const std::byte>{};
    return entry;
}

inline std::optional<Entry> find(std::span<const std::byte> archive, std::string_view name) {
    std::optional<Entry> found;
    Reader reader(archive);
    while (const auto entry = reader.next()) {
        if (entry->is_regular() && entry->name == normalized(name)) {
            found = entry;
        }
    }
    return found;
}

}  // namespace redoubt::cpio
