// From a back end's URL to the open back end.
#include "vmmd/backends/backend.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "vmmd/backends/descriptor_backend.hpp"
#include "vmmd/backends/pty_backend.hpp"
#include "vmmd/backends/socket_backend.hpp"
#include "vmmd/console/console_hub.hpp"

namespace redoubt::vmmd {

namespace {

/// libposix leaves this mark in the environment of every program on Redoubt.
bool on_redoubt() { return std::getenv("REDOUBT_STARTUP") != nullptr; }

class NullBackend final : public Backend {
  public:
    std::string description() const override { return "nowhere (null:)"; }
};

using Opened = std::expected<std::unique_ptr<Backend>, std::string>;

struct Target {
    std::string scheme;
    std::string rest;  ///< what follows the colon
    std::string url;
    EventLoop& loop;
    std::shared_ptr<ConsoleHub> hub;
};

std::unexpected<std::string> cannot_open(const std::string& url, int error) {
    return std::unexpected("cannot open " + url + ": " + std::strerror(error));
}

Opened open_path(const Target& target, const std::string& path, int flags,
                 DescriptorOptions options) {
    OwnedDescriptor descriptor(::open(path.c_str(), flags | O_CLOEXEC, 0666));
    if (descriptor.get() < 0) return cannot_open(target.url, errno);
    return std::make_unique<DescriptorBackend>(target.loop, target.hub, std::move(descriptor),
                                               OwnedDescriptor(), std::move(options));
}

/// A stream of one of Redoubt's services, for as long as that comes back when it ends.
Opened open_service(const Target& target, int flags, DescriptorOptions options) {
    options.reopen = [url = target.url, flags] {
        return OwnedDescriptor(::open(url.c_str(), flags | O_CLOEXEC));
    };
    return open_path(target, target.url, flags, std::move(options));
}

/// A standard stream of the host's process, duplicated so that closing the back end leaves it open.
OwnedDescriptor duplicate(int descriptor) {
    return OwnedDescriptor(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
}

Opened open_console(const Target& target) {
    if (on_redoubt()) {
        return open_service(target, O_RDWR | O_NONBLOCK, {target.url, InputFrom::Output});
    }
    OwnedDescriptor output = duplicate(STDOUT_FILENO);
    if (output.get() < 0) return cannot_open(target.url, errno);
    OwnedDescriptor input = duplicate(STDIN_FILENO);
    const InputFrom from = input.get() < 0 ? InputFrom::Nowhere : InputFrom::Other;
    return std::make_unique<DescriptorBackend>(
        target.loop, target.hub, std::move(output), std::move(input),
        DescriptorOptions{"standard input and output", from});
}

Opened open_log(const Target& target) {
    DescriptorOptions options{target.url, InputFrom::Nowhere, Framing::Lines};
    if (on_redoubt()) return open_service(target, O_WRONLY, std::move(options));
    OwnedDescriptor output = duplicate(STDERR_FILENO);
    if (output.get() < 0) return cannot_open(target.url, errno);
    options.line_prefix = target.rest + "| ";
    return std::make_unique<DescriptorBackend>(target.loop, target.hub, std::move(output),
                                               OwnedDescriptor(), std::move(options));
}

Opened open_file(const Target& target) {
    return open_path(target, target.rest, O_WRONLY | O_CREAT | O_TRUNC, {"file " + target.rest});
}

Opened open_unix(const Target& target) {
    return open_socket_backend(target.rest, target.loop, target.hub);
}

Opened open_pty(const Target& target) {
    return open_pty_backend(target.rest, target.loop, target.hub);
}

Opened open_null(const Target&) { return std::make_unique<NullBackend>(); }

struct SchemeEntry {
    std::string_view name;
    std::string_view needs;  ///< what must follow the colon; empty: nothing must
    Opened (*open)(const Target& target);
};

constexpr SchemeEntry kSchemes[] = {
    {"console", "a name", open_console}, {"log", "a name", open_log}, {"file", "a path", open_file},
    {"unix", "a path", open_unix},       {"pty", "", open_pty},       {"null", "", open_null},
};

std::expected<const SchemeEntry*, std::string> find_scheme(std::string_view url) {
    const std::size_t colon = url.find(':');
    const auto entry = std::ranges::find(kSchemes, url.substr(0, colon), &SchemeEntry::name);
    if (colon == url.npos || entry == std::end(kSchemes)) {
        std::string known;
        for (const auto& scheme : kSchemes) {
            known += (known.empty() ? "" : ", ") + std::string(scheme.name) + ":";
        }
        return std::unexpected("\"" + std::string(url) +
                               "\" is not a back end's URL; it begins with one of " + known);
    }
    if (!entry->needs.empty() && colon + 1 == url.size()) {
        return std::unexpected("\"" + std::string(url) + "\" lacks " + std::string(entry->needs) +
                               " after the colon");
    }
    return entry;
}

}  // namespace

std::expected<void, std::string> check_backend_url(std::string_view url) {
    const auto entry = find_scheme(url);
    if (!entry) return std::unexpected(entry.error());
    return {};
}

std::expected<std::unique_ptr<Backend>, std::string> open_backend(std::string_view url,
                                                                  EventLoop& loop,
                                                                  std::shared_ptr<ConsoleHub> hub) {
    const auto entry = find_scheme(url);
    if (!entry) return std::unexpected(entry.error());
    const std::string_view name = (*entry)->name;
    return (*entry)->open({std::string(name), std::string(url.substr(name.size() + 1)),
                           std::string(url), loop, std::move(hub)});
}

}  // namespace redoubt::vmmd
