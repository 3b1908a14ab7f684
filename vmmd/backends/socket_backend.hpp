// unix: – a unix socket that listens; every client sees the console and may type.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "vmmd/backends/backend.hpp"

namespace redoubt::vmmd {

std::expected<std::unique_ptr<Backend>, std::string> open_socket_backend(
    const std::string& path, EventLoop& loop, std::shared_ptr<ConsoleHub> hub);

}  // namespace redoubt::vmmd
