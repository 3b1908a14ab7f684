// Hexadecimal and binary forms of the remote serial protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace redoubt::vmmd::gdb {

std::string to_hex(std::span<const std::uint8_t> bytes);
std::string to_hex(std::string_view text);
/// A number without leading zeros.
std::string hex_number(std::uint64_t value);
/// Nothing if it is not made of whole bytes.
std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);
/// Takes a number of at most 64 bits off the front; nothing, and `text` as it was, if there is
/// none.
std::optional<std::uint64_t> take_hex(std::string_view& text);
/// Takes `separator` off the front, if it is there.
bool take(std::string_view& text, char separator);
bool take(std::string_view& text, std::string_view prefix);

/// Binary data: '}' and the byte XOR 0x20 instead of what the framing uses.
std::string escape(std::span<const std::uint8_t> bytes);
/// Nothing if it ends within an escape.
std::optional<std::vector<std::uint8_t>> unescape(std::string_view text);

}  // namespace redoubt::vmmd::gdb
