// The socket around a gdb session.
#include "vmmd/debug/gdb_connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

namespace asio = boost::asio;

std::expected<std::shared_ptr<GdbConnection>, std::string> GdbConnection::open(
    EventLoop& loop, std::shared_ptr<GuestDebugger> debugger) {
    const std::shared_ptr<GdbConnection> connection(new GdbConnection(debugger));
    const auto connected =
        debugger->connect([weak = std::weak_ptr(connection), &loop](std::optional<gdb::Stop> stop) {
            loop.post([weak, stop = std::move(stop)] {
                if (const auto self = weak.lock()) self->take(stop);
            });
        });
    if (!connected) {
        connection->open_ = false;
        return std::unexpected(connected.error());
    }
    return connection;
}

GdbConnection::~GdbConnection() { close(); }

std::shared_ptr<ByteStream> GdbConnection::start(Socket client, std::string first_output,
                                                 std::string first_input,
                                                 std::function<void()> closed) {
    socket_.emplace(std::move(client));
    closed_ = std::move(closed);
    waiting_ = std::move(first_output);
    unserved_ = std::move(first_input);
    pump();
    return shared_from_this();
}

void GdbConnection::take(std::optional<gdb::Stop> stop) {
    if (!open_) return;
    if (!stop) {
        if (session_) session_->ended();
        closing_ = true;
    } else if (session_) {
        session_->stopped(*stop);
    } else {
        session_ = std::make_unique<gdb::Session>(
            *debugger_, *stop, [this](std::string_view bytes) { waiting_ += bytes; });
    }
    pump();
}

void GdbConnection::close_when_flushed() {
    closing_ = true;
    pump();
}

void GdbConnection::close() {
    if (!std::exchange(open_, false)) return;
    // Whatever way gdb goes, the guest goes on without it.
    debugger_->disconnect();
    session_.reset();
    if (!socket_) return;
    boost::system::error_code ignored;
    socket_->close(ignored);
    closed_();
}

void GdbConnection::serve() {
    if (!session_) return;
    std::string_view bytes = unserved_;
    if (!bytes.empty() && std::exchange(newline_expected_, false)) {
        const bool with_return = bytes.starts_with("\r\n");
        if (with_return || bytes.starts_with('\n')) bytes.remove_prefix(with_return ? 2 : 1);
    }
    while (!bytes.empty() && !closing_ && waiting_.size() < kPatientBacklog) {
        if (!session_->receive(bytes)) closing_ = true;
    }
    unserved_.erase(0, unserved_.size() - bytes.size());
}

void GdbConnection::pump() {
    if (!open_ || !socket_) return;
    serve();
    if (!reading_ && !closing_ && unserved_.empty()) read_more();
    if (writing_) return;
    if (waiting_.empty()) {
        if (closing_) close();
        return;
    }
    sending_ = std::exchange(waiting_, {});
    writing_ = true;
    asio::async_write(*socket_, asio::buffer(sending_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          self->writing_ = false;
                          self->sending_.clear();
                          if (error) return self->close();
                          self->pump();
                      });
}

void GdbConnection::read_more() {
    reading_ = true;
    socket_->async_read_some(
        asio::buffer(input_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            self->reading_ = false;
            if (!self->open_) return;
            if (error) return self->close();
            self->unserved_.append(self->input_.data(), size);
            self->pump();
        });
}

}  // namespace redoubt::vmmd
