// Accepts clients and gives each a console stream.
#include "vmmd/backends/socket_backend.hpp"

#include <utility>
#include <vector>

#include "vmmd/console/console_stream.hpp"
#include "vmmd/management/event_loop.hpp"
#include "vmmd/management/listener.hpp"

namespace redoubt::vmmd {

namespace {

class SocketBackend final : public Backend {
  public:
    SocketBackend(EventLoop& loop, std::shared_ptr<ConsoleHub> hub, std::string path)
        : listener_(loop.context()), hub_(std::move(hub)), path_(std::move(path)) {}

    ~SocketBackend() override {
        listener_.close();
        for (const auto& stream : std::vector(streams_)) stream->close();
    }

    std::expected<void, std::string> listen() {
        return listener_.listen(path_, [this](Listener::Socket socket) {
            streams_.push_back(std::make_shared<ConsoleStream>(
                std::move(socket), hub_, [this](ConsoleStream& closed) {
                    std::erase_if(streams_,
                                  [&](const auto& held) { return held.get() == &closed; });
                }));
            const auto stream = streams_.back();
            stream->start(Replay::History);
        });
    }

    std::string description() const override { return "unix socket " + path_; }

  private:
    Listener listener_;
    std::shared_ptr<ConsoleHub> hub_;
    std::string path_;
    std::vector<std::shared_ptr<ConsoleStream>> streams_;
};

}  // namespace

std::expected<std::unique_ptr<Backend>, std::string> open_socket_backend(
    const std::string& path, EventLoop& loop, std::shared_ptr<ConsoleHub> hub) {
    auto backend = std::make_unique<SocketBackend>(loop, std::move(hub), path);
    if (auto listening = backend->listen(); !listening) return std::unexpected(listening.error());
    return backend;
}

}  // namespace redoubt::vmmd
