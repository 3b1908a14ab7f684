// A unix-socket connection that is a console: the hub's output goes out, what comes in is typed.
//
// Runs in the event loop's thread. A client that reads slowly skips output instead of holding
// anything up; one that types faster than the guest reads is not read from for a while.
#pragma once

#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "vmmd/console/byte_stream.hpp"
#include "vmmd/console/console_hub.hpp"
#include "vmmd/console/socket_pump.hpp"

namespace redoubt::vmmd {

class ConsoleStream final : public ByteStream, public std::enable_shared_from_this<ConsoleStream> {
  public:
    using Pump = SocketPump<1024>;
    using Socket = Pump::Socket;
    using Closed = std::function<void(ConsoleStream&)>;

    /// `closed` is called once, when the connection has ended.
    ConsoleStream(Socket socket, std::shared_ptr<ConsoleHub> hub, Closed closed);

    void start(Replay replay);
    /// After a request: `first_output` is sent before the console's, `first_input` typed before
    /// what the client sends. The newline that ends the request is not typed.
    void start_after_request(Replay replay, std::string first_output, std::string first_input);
    /// Closes when what the guest has printed so far is sent.
    void close_when_flushed() override;
    void close() override;

  private:
    friend Pump;
    void pump();
    void received(boost::system::error_code error, std::string_view bytes);
    void type(std::string_view bytes);

    Pump socket_;
    std::shared_ptr<ConsoleHub> hub_;
    Closed closed_;
    std::unique_ptr<ConsoleWatcher> watcher_;
    std::string untyped_;  ///< input the hub had no room for
    std::string output_;
    RequestNewline newline_;
    bool closing_ = false;
    bool open_ = true;
};

}  // namespace redoubt::vmmd
