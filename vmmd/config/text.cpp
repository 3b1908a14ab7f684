// Sizes, percentages and suggestions.
#include "vmmd/config/text.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <vector>

namespace redoubt::vmmd {

std::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, code] = std::from_chars(text.data(), end, number);
    if (code == std::errc::result_out_of_range) return std::unexpected("the number is too large");
    if (code != std::errc{} || rest == text.data()) {
        return std::unexpected("not a size: write a number and K, M or G, such as \"256M\"");
    }
    std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    if (unit.ends_with("iB")) {
        unit.remove_suffix(2);
        if (unit.empty()) return std::unexpected("\"iB\" needs K, M or G before it");
    }
    unsigned shift = 0;
    if (unit == "K" || unit == "k") {
        shift = 10;
    } else if (unit == "M" || unit == "m") {
        shift = 20;
    } else if (unit == "G" || unit == "g") {
        shift = 30;
    } else if (unit == "T" || unit == "t") {
        shift = 40;
    } else if (!unit.empty()) {
        return std::unexpected("unknown unit \"" + std::string(unit) + "\": use K, M or G");
    }
    if (number > (~std::uint64_t{0} >> shift)) return std::unexpected("the number is too large");
    return number << shift;
}

std::expected<unsigned, std::string> parse_percent(std::string_view text) {
    unsigned number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, code] = std::from_chars(text.data(), end, number);
    if (code == std::errc::result_out_of_range) return std::unexpected("the number is too large");
    if (code != std::errc{} ||
        std::string_view(rest, static_cast<std::size_t>(end - rest)) != "%") {
        return std::unexpected("not a percentage: write a whole number and %, such as \"50%\"");
    }
    if (number == 0) return std::unexpected("at least \"1%\" is needed");
    return number;
}

std::string format_size(std::uint64_t bytes) {
    constexpr std::string_view kUnits = "KMGT";
    std::string unit;
    for (const char letter : kUnits) {
        if (bytes == 0 || bytes % 1024 != 0) break;
        bytes /= 1024;
        unit = letter;
    }
    return std::to_string(bytes) + unit;
}

namespace {

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

}  // namespace

std::optional<std::string_view> suggest(std::string_view word,
                                        std::span<const std::string_view> known) {
    if (word.size() > 64) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2) + 1;
    for (const auto candidate : known) {
        const auto steps = distance(word, candidate);
        // "mem" is far from "memory" by edits, and yet what was meant.
        const bool prefix = word.size() >= 3 && candidate.starts_with(word);
        const auto score = prefix ? std::min<std::size_t>(steps, 1) : steps;
        if (score < best_distance && score < candidate.size()) {
            best = candidate;
            best_distance = score;
        }
    }
    return best;
}

}  // namespace redoubt::vmmd
