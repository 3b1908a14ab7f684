// Conversions.
#include "vmmd/debug/gdb/text.hpp"

namespace redoubt::vmmd::gdb {

namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr std::uint8_t kEscape = '}';
constexpr std::uint8_t kEscapeBit = 0x20;

std::optional<unsigned> digit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return std::nullopt;
}

}  // namespace

std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::string to_hex(std::string_view text) {
    return to_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string hex_number(std::uint64_t value) {
    std::string text;
    do {
        text.insert(text.begin(), kDigits[value & 15]);
        value >>= 4;
    } while (value != 0);
    return text;
}

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = digit(text[i]);
        const auto low = digit(text[i + 1]);
        if (!high || !low) return std::nullopt;
        bytes.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
    }
    return bytes;
}

std::optional<std::uint64_t> take_hex(std::string_view& text) {
    std::uint64_t value = 0;
    std::size_t used = 0;
    for (; used < text.size(); ++used) {
        const auto next = digit(text[used]);
        if (!next) break;
        if (value >> 60 != 0) return std::nullopt;
        value = value << 4 | *next;
    }
    if (used == 0) return std::nullopt;
    text.remove_prefix(used);
    return value;
}

bool take(std::string_view& text, char separator) {
    if (!text.starts_with(separator)) return false;
    text.remove_prefix(1);
    return true;
}

bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::string escape(std::span<const std::uint8_t> bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (const auto byte : bytes) {
        // '*' would be taken for a run-length.
        if (byte == '#' || byte == '$' || byte == '*' || byte == kEscape) {
            text += static_cast<char>(kEscape);
            text += static_cast<char>(byte ^ kEscapeBit);
        } else {
            text += static_cast<char>(byte);
        }
    }
    return text;
}

std::optional<std::vector<std::uint8_t>> unescape(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto byte = static_cast<std::uint8_t>(text[i]);
        if (byte == kEscape) {
            if (++i == text.size()) return std::nullopt;
            byte = static_cast<std::uint8_t>(static_cast<std::uint8_t>(text[i]) ^ kEscapeBit);
        }
        bytes.push_back(byte);
    }
    return bytes;
}

}  // namespace redoubt::vmmd::gdb
