// Mistakes on which toml++ 3.3 fails an assertion or reaches its unreachable, found before it sees
// them.
#pragma once

#include <optional>
#include <string_view>

#include "vmmd/config/config.hpp"

namespace redoubt::vmmd {

/// Characters beyond ASCII outside of comments, and names that are missing.
std::optional<ConfigError> check_lexically(std::string_view text);

}  // namespace redoubt::vmmd
