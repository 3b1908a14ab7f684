// The socket around a gdb session.
#include "vmmd/debug/gdb_connection.hpp"

#include <utility>

#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {

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
    newline_.expect();
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
    socket_->close();
    closed_();
}

void GdbConnection::serve() {
    if (!session_) return;
    std::string_view bytes = unserved_;
    newline_.drop(bytes);
    while (!bytes.empty() && !closing_ && waiting_.size() < kPatientBacklog) {
        if (!session_->receive(bytes)) closing_ = true;
    }
    unserved_.erase(0, unserved_.size() - bytes.size());
}

void GdbConnection::pump() {
    if (!open_ || !socket_) return;
    serve();
    if (!socket_->reading() && !closing_ && unserved_.empty()) socket_->read(shared_from_this());
    if (socket_->writing()) return;
    if (waiting_.empty()) {
        if (closing_) close();
        return;
    }
    socket_->write(shared_from_this(), waiting_);
}

void GdbConnection::received(boost::system::error_code error, std::string_view bytes) {
    if (!open_) return;
    if (error) return close();
    unserved_.append(bytes);
    pump();
}

}  // namespace redoubt::vmmd
