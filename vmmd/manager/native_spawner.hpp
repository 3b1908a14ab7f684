// Monitors as processes of Redoubt, which init makes.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "vmmd/manager/spawner.hpp"

namespace redoubt::vmmd {

class EventLoop;

/// The error says what the process lacks: it is not on Redoubt, or has no grant=spawn.
std::expected<std::unique_ptr<Spawner>, std::string> make_native_spawner(EventLoop& loop);

/// Where the monitor of that VM listens.
std::string monitor_socket(const std::string& name);
/// The line of init's start list that describes the monitor of `config`: with the memory it needs
/// and the paths that the configuration names.
std::string monitor_start_line(const VmConfig& config);

}  // namespace redoubt::vmmd
