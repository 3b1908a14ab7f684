// A listening unix socket that survives failed accepts and its own death (where chan: serves it and
// is started anew), and cleans up after a daemon that was killed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>

namespace redoubt::vmmd {

class Listener {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;
    using Accepted = std::function<void(Socket)>;

    explicit Listener(boost::asio::io_context& context);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Listens on `path`, replacing a socket that nobody serves any more. `accepted` gets every
    /// client, in the loop's thread. The error is one line for a person.
    std::expected<void, std::string> listen(const std::string& path, Accepted accepted);
    /// Removes the socket; nothing is accepted any more.
    void close();

  private:
    class Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace redoubt::vmmd
