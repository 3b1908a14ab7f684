// pty: – a pseudo-terminal of the Linux host, for minicom and screen.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "vmmd/backends/backend.hpp"

namespace redoubt::vmmd {

/// `link`: path of a symbolic link to make to the terminal, replacing an older link; or empty.
std::expected<std::unique_ptr<Backend>, std::string> open_pty_backend(
    const std::string& link, EventLoop& loop, std::shared_ptr<ConsoleHub> hub);

}  // namespace redoubt::vmmd
