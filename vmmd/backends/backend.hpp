// Back ends of character devices: what the URL of `serial = "…"` names, joined to the device's
// ConsoleHub.
//
//   console:NAME  the machine's console, both ways (on a Linux host: standard input and output)
//   log:NAME      the system log, output only (on a Linux host: standard error, as `NAME| ` lines)
//   file:PATH     a file, output only, truncated at the start
//   unix:PATH     a unix socket that listens; any number of clients at a time
//   pty:[LINK]    a new pseudo-terminal (Linux host), optionally with a symbolic link to it
//   null:         nowhere (vmmctl attach still works)
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace redoubt::vmmd {

class ConsoleHub;
class EventLoop;

class Backend {
  public:
    virtual ~Backend() = default;
    /// Where it went, for the log: "unix socket /tmp/a.sock", "pseudo-terminal /dev/pts/4".
    virtual std::string description() const = 0;
};

/// Whether `url` is one that open_backend knows, without opening anything (`vmmd check`).
std::expected<void, std::string> check_backend_url(std::string_view url);

/// Opens `url` and joins it to `hub` until the back end is destroyed. Runs on `loop`; call and
/// destroy in its thread.
std::expected<std::unique_ptr<Backend>, std::string> open_backend(std::string_view url,
                                                                  EventLoop& loop,
                                                                  std::shared_ptr<ConsoleHub> hub);

}  // namespace redoubt::vmmd
