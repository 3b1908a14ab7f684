// The manager's end of a connection to a monitor's socket: QMP as a client speaks it.
//
// A monitor runs beside a guest and is not trusted: what it sends is bounded, and anything but JSON
// objects ends the connection.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "vmmd/management/commands.hpp"
#include "vmmd/management/request_splitter.hpp"

namespace redoubt::vmmd {

class MonitorConnection : public std::enable_shared_from_this<MonitorConnection> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;
    /// Unsent bytes at which the monitor counts as dead.
    static constexpr std::size_t kMaximumBacklog = 1024 * 1024;

    enum class Loss {
        Unreachable,  ///< nobody answered there in time
        Closed,       ///< it was there, and is gone
        Nonsense,     ///< it broke the protocol
    };
    struct Callbacks {
        std::function<void()> ready;        ///< greeted and negotiated
        std::function<void(Json)> message;  ///< an answer or an event
        std::function<void(Loss)> lost;     ///< the last call
    };

    MonitorConnection(boost::asio::io_context& context, std::string path);

    void set_callbacks(Callbacks callbacks) { callbacks_ = std::move(callbacks); }
    /// Tries until somebody listens there; until `patience` is over for all of it up to `ready`.
    void open(std::chrono::milliseconds patience);
    void send(const Json& message);
    /// No callback comes any more.
    void close();

    struct Taken {
        Socket socket;
        std::string unread;  ///< what came after the message
    };
    /// Gives the socket away. Only from inside `message`.
    Taken take();

  private:
    void try_to_connect();
    void read_more();
    void received(std::string_view bytes);
    void deal_with(const std::string& text);
    void write_more();
    void lose(Loss how);

    Socket socket_;
    boost::asio::steady_timer retry_;
    boost::asio::steady_timer patience_;
    std::string path_;
    Callbacks callbacks_;
    RequestSplitter splitter_;
    std::array<char, 4096> input_{};
    std::string_view unread_;  ///< of input_, while messages are dealt with
    std::string waiting_;      ///< to be sent after `sending_`
    std::string sending_;
    bool greeted_ = false;
    bool ready_ = false;
    bool open_ = true;
};

}  // namespace redoubt::vmmd
