// The daemon's log, without making everyone who writes a line include spdlog.
#pragma once

#include <string>
#include <string_view>

namespace redoubt::vmmd::log {

/// To standard error, which is log: on Redoubt; there it is init that gave the process its name.
void initialize(const std::string& name);
void info(std::string_view line);
void warning(std::string_view line);
void error(std::string_view line);

}  // namespace redoubt::vmmd::log
