// A client's connection that gdb speaks on: made by vm-gdb, then given the client's socket.
//
// Runs in the event loop's thread. A client that sends without reading the answers is not read
// from.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vmmd/console/socket_pump.hpp"
#include "vmmd/debug/gdb/session.hpp"
#include "vmmd/debug/guest_debugger.hpp"
#include "vmmd/management/stream_source.hpp"

namespace redoubt::vmmd {

class EventLoop;

class GdbConnection final : public StreamSource,
                            public ByteStream,
                            public std::enable_shared_from_this<GdbConnection> {
  public:
    /// Connects to the debugger, which stops the guest. The error is a sentence's end.
    static std::expected<std::shared_ptr<GdbConnection>, std::string> open(
        EventLoop& loop, std::shared_ptr<GuestDebugger> debugger);
    ~GdbConnection() override;

    std::shared_ptr<ByteStream> start(Socket client, std::string first_output,
                                      std::string first_input,
                                      std::function<void()> closed) override;
    void close_when_flushed() override;
    void close() override;

  private:
    friend SocketPump<>;
    explicit GdbConnection(std::shared_ptr<GuestDebugger> debugger)
        : debugger_(std::move(debugger)) {}

    /// The guest stands still, or is gone.
    void take(std::optional<gdb::Stop> stop);
    void pump();
    void serve();
    void received(boost::system::error_code error, std::string_view bytes);

    /// No more requests are served while this much waits to be sent.
    static constexpr std::size_t kPatientBacklog = 64 * 1024;

    std::shared_ptr<GuestDebugger> debugger_;
    std::optional<SocketPump<>> socket_;
    std::function<void()> closed_;
    std::unique_ptr<gdb::Session> session_;
    std::string unserved_;
    std::string waiting_;  ///< to be sent after what is under way
    RequestNewline newline_;
    bool closing_ = false;
    bool open_ = true;
};

}  // namespace redoubt::vmmd
