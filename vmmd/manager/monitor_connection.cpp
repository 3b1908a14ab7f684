// Connecting, negotiating, and taking the monitor's bytes apart.
#include "vmmd/manager/monitor_connection.hpp"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace redoubt::vmmd {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr std::chrono::milliseconds kBetweenAttempts{20};

}  // namespace

MonitorConnection::MonitorConnection(asio::io_context& context, std::string path)
    : socket_(context), retry_(context), patience_(context), path_(std::move(path)) {}

void MonitorConnection::open(std::chrono::milliseconds patience) {
    patience_.expires_after(patience);
    patience_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error && !self->ready_) self->lose(Loss::Unreachable);
    });
    try_to_connect();
}

void MonitorConnection::try_to_connect() {
    if (!open_) return;
    boost::system::error_code error;
    socket_.close(error);
    socket_.open(Protocol(), error);
    if (!error) socket_.non_blocking(true, error);
    if (!error) {
        // Not Asio's: with a full queue of clients that waits until there is room.
        const Protocol::endpoint endpoint(path_);
        if (::connect(socket_.native_handle(), endpoint.data(),
                      static_cast<socklen_t>(endpoint.size())) == 0) {
            return read_more();
        }
    }
    retry_.expires_after(kBetweenAttempts);
    retry_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
        if (!cancelled) self->try_to_connect();
    });
}

void MonitorConnection::send(const Json& message) {
    if (!open_) return;
    waiting_ += to_line(message);
    if (waiting_.size() > kMaximumBacklog) {
        // Not from inside the caller, who does not expect to be called.
        asio::post(socket_.get_executor(),
                   [self = shared_from_this()] { self->lose(Loss::Nonsense); });
        return;
    }
    write_more();
}

void MonitorConnection::write_more() {
    if (!open_ || !sending_.empty() || waiting_.empty()) return;
    sending_ = std::exchange(waiting_, {});
    asio::async_write(socket_, asio::buffer(sending_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          self->sending_.clear();
                          // What it sent before it closed is still read.
                          if (!error) self->write_more();
                      });
}

void MonitorConnection::read_more() {
    socket_.async_read_some(
        asio::buffer(input_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            if (!self->open_) return;
            if (error) return self->lose(Loss::Closed);
            self->received({self->input_.data(), size});
        });
}

void MonitorConnection::received(std::string_view bytes) {
    unread_ = bytes;
    while (open_) {
        const auto item = splitter_.next(unread_);
        if (!item) return read_more();
        if (item->kind != RequestSplitter::Item::Kind::Request) return lose(Loss::Nonsense);
        deal_with(item->text);
    }
}

void MonitorConnection::deal_with(const std::string& text) {
    Json message = Json::parse(text, nullptr, false);
    if (!message.is_object()) return lose(Loss::Nonsense);
    if (!greeted_) {
        if (!message.contains("QMP")) return lose(Loss::Nonsense);
        greeted_ = true;
        return send({{"execute", "qmp_capabilities"}});
    }
    if (!ready_) {
        if (!message.contains("return")) return lose(Loss::Nonsense);
        ready_ = true;
        patience_.cancel();
        return callbacks_.ready();
    }
    callbacks_.message(std::move(message));
}

MonitorConnection::Taken MonitorConnection::take() {
    open_ = false;
    patience_.cancel();
    return {std::move(socket_), std::string(unread_)};
}

void MonitorConnection::lose(Loss how) {
    if (!open_) return;
    const auto lost = std::move(callbacks_.lost);
    close();
    if (lost) lost(how);
}

void MonitorConnection::close() {
    open_ = false;
    retry_.cancel();
    patience_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace redoubt::vmmd
