// Small things of the configuration's text: sizes such as "256M", percentages, and suggestions for
// misspelt words.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace redoubt::vmmd {

/// "512", "64K", "256M", "2G", "256MiB" in bytes (units of 1024). The error is one sentence.
std::expected<std::uint64_t, std::string> parse_size(std::string_view text);
/// "50%": a whole number, at least 1. The error is one sentence.
std::expected<unsigned, std::string> parse_percent(std::string_view text);
/// "256M", "1G", "1536K", "123": the shortest exact form.
std::string format_size(std::uint64_t bytes);
/// The word of `known` that `word` was probably meant to be.
std::optional<std::string_view> suggest(std::string_view word,
                                        std::span<const std::string_view> known);

}  // namespace redoubt::vmmd
