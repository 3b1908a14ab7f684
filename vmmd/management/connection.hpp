// One connection to the management socket: a QMP session, which vm-attach and its like turn into
// a stream.
//
// All of it runs in the event loop's thread. Memory per client is bounded: a client that does not
// read while more than kMaximumBacklog waits for it is dropped.
#pragma once

#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "vmmd/console/byte_stream.hpp"
#include "vmmd/console/socket_pump.hpp"
#include "vmmd/management/qmp_session.hpp"

namespace redoubt::vmmd {

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Socket = SocketPump<>::Socket;
    static constexpr std::size_t kMaximumBacklog = 1024 * 1024;
    /// No more requests are read while this much waits to be sent.
    static constexpr std::size_t kPatientBacklog = 64 * 1024;

    /// `closed` is called once, when the connection has ended.
    Connection(Socket socket, CommandExecutor& executor, std::function<void(Connection&)> closed);

    void start();
    void send_event(std::string_view line);
    /// Closes as soon as what waits has been sent.
    void close_when_flushed();
    void close();

  private:
    friend SocketPump<>;
    void send(std::string_view bytes);
    void received(boost::system::error_code error, std::string_view bytes);
    void serve(std::string_view bytes);
    void proceed(QmpSession::Outcome outcome, std::string_view rest);
    /// Gives the socket to the stream that it becomes.
    void become_stream();
    /// Goes on with whatever is possible: sends, reads.
    void pump();
    void ended();

    SocketPump<> socket_;
    CommandExecutor& executor_;
    std::function<void(Connection&)> closed_;
    std::unique_ptr<QmpSession> session_;
    std::string waiting_;    ///< to be sent after what is under way
    bool becoming_ = false;  ///< a stream once that is out
    bool waiting_for_answer_ = false;
    std::string unread_;  ///< what the client sent for the stream already, or after a request that
                          ///< takes its time
    std::shared_ptr<ByteStream> stream_;
    bool closing_ = false;
    bool open_ = true;
};

}  // namespace redoubt::vmmd
