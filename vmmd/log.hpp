// The daemon's log, without making everyone who writes a line include spdlog.
#pragma once

#include <string_view>

namespace redoubt::vmmd::log {

/// To standard error, which is log: on Redoubt.
void initialize();
void info(std::string_view line);
void warning(std::string_view line);
void error(std::string_view line);

}  // namespace redoubt::vmmd::log
