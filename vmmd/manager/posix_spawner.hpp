// Monitors as processes of a Linux host, for tests and development.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "vmmd/manager/spawner.hpp"

namespace redoubt::vmmd {

class EventLoop;

struct PosixSpawnerOptions {
    std::string program;                 ///< of a monitor
    std::string directory;               ///< for the monitors' sockets; made if it is not there
    std::vector<std::string> arguments;  ///< for every monitor
};

std::expected<std::unique_ptr<Spawner>, std::string> make_posix_spawner(
    EventLoop& loop, PosixSpawnerOptions options);

}  // namespace redoubt::vmmd
