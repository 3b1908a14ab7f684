// The streams of the host: joins the mux protocol with the sockets of chan:. Each stream that the
// host opens becomes a connection to a listener, as if a process had connected.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "schemes/chan/channel.hpp"
#include "schemes/chan/mux.hpp"

namespace redoubt::chan {

class HostPort final : MuxPeer {
  public:
    explicit HostPort(ChannelScheme& scheme) : scheme_(scheme), mux_(*this) {}
    ~HostPort();

    Mux& mux() { return mux_; }
    const Mux& mux() const { return mux_; }
    /// Moves what can be moved between streams and sockets; to be called after each event.
    void pump();

  private:
    struct Stream {
        std::shared_ptr<StreamEnd> end;
        std::vector<std::byte> undelivered;  ///< from the host, at most one window of it
    };

    bool open_stream(StreamId stream, std::string_view name) override;
    void stream_data(StreamId stream, std::span<const std::byte> bytes) override;
    void stream_closed(StreamId stream) override;
    void stream_writable(StreamId stream) override { changed_.insert(stream); }

    /// False: the stream is at its end.
    bool pump_stream(StreamId id, Stream& stream);
    bool to_socket(StreamId id, Stream& stream);
    bool to_host(StreamId id, Stream& stream);

    ChannelScheme& scheme_;
    Mux mux_;
    std::map<StreamId, Stream> streams_;
    std::set<StreamId> changed_;
    bool held_back_ = false;  ///< some stream waits for the port to take output
};

}  // namespace redoubt::chan
