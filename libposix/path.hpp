// Paths of the POSIX layer: which scheme, and what in it.
#pragma once

#include <string_view>

namespace redoubt::posix {

struct SchemePath {
    std::string_view scheme;  ///< empty: not a scheme's path
    std::string_view rest;    ///< without leading slashes
};

/// "/scheme/NAME/REST", "NAME:REST" and "/NAME:REST" (what becomes of the latter when made
/// absolute).
constexpr SchemePath parse_path(std::string_view path) {
    const auto strip = [](std::string_view text) {
        while (text.starts_with('/')) text.remove_prefix(1);
        return text;
    };
    while (path.starts_with("./")) path = strip(path.substr(2));
    constexpr std::string_view kPrefix = "/scheme/";
    if (path.starts_with(kPrefix)) {
        path = strip(path.substr(kPrefix.size()));
        const auto end = path.find('/');
        if (end == std::string_view::npos) return {path, {}};
        return {path.substr(0, end), strip(path.substr(end))};
    }
    path = strip(path);
    const auto colon = path.find(':');
    if (colon == std::string_view::npos || path.find('/') < colon) return {};
    return {path.substr(0, colon), strip(path.substr(colon + 1))};
}

}  // namespace redoubt::posix
