// A client's stream to a monitor, through the manager: bytes both ways, with little memory in
// between, so that whoever is slow slows the other side and nobody else.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "vmmd/management/stream_source.hpp"

namespace redoubt::vmmd {

class Relay final : public ByteStream, public std::enable_shared_from_this<Relay> {
  public:
    using Socket = StreamSource::Socket;

    Relay(Socket client, Socket monitor, std::function<void()> closed);

    /// What is to be sent before anything that is read: `to_client`; then `from_monitor`, which may
    /// begin with the end of its answer's line, that the client has had already.
    void start(std::string to_client, std::string from_monitor, std::string to_monitor);
    /// The monitor closes its stream when it has sent everything, and that ends the relay; here is
    /// nothing to do but to take no more from the client.
    void close_when_flushed() override;
    void close() override;

  private:
    /// One way.
    struct Direction {
        Socket& from;
        Socket& to;
        std::string buffer{};
        bool ended = false;
    };

    void write(Direction& direction);
    void read(Direction& direction);
    void end(Direction& direction);
    void drop_newline(std::string& bytes);

    Socket client_;
    Socket monitor_;
    std::function<void()> closed_;
    Direction outward_{monitor_, client_};
    Direction inward_{client_, monitor_};
    std::string_view newline_ = "\r\n";  ///< of the monitor's answer, as far as it has not come
    bool open_ = true;
};

/// A connection on which a monitor has agreed to be a stream.
class MonitorStream final : public StreamSource {
  public:
    /// `first` is what the monitor sent after its answer's JSON object.
    MonitorStream(Socket monitor, std::string first);

    std::shared_ptr<ByteStream> start(Socket client, std::string first_output,
                                      std::string first_input,
                                      std::function<void()> closed) override;

  private:
    Socket monitor_;
    std::string first_;
};

}  // namespace redoubt::vmmd
