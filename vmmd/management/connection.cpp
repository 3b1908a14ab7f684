// Reading, writing and back-pressure of one client.
#include "vmmd/management/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace redoubt::vmmd {

namespace asio = boost::asio;

Connection::Connection(Socket socket, VmControl& control, std::function<void(Connection&)> closed)
    : socket_(std::move(socket)), control_(control), closed_(std::move(closed)) {}

void Connection::start() {
    session_ =
        std::make_unique<QmpSession>(control_, [this](std::string_view line) { send(line); });
    pump();
}

void Connection::send(std::string_view bytes) {
    if (!open_) return;
    if (waiting_.size() + sending_.size() > kMaximumBacklog) {
        // Not from inside the session, which is about to return into this object.
        asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close(); });
        return;
    }
    waiting_ += bytes;
}

void Connection::send_event(std::string_view line) {
    if (attaching_ || closing_ || !open_) return;
    session_->send_event(line);
    pump();
}

void Connection::close_when_flushed() {
    closing_ = true;
    if (stream_) return stream_->close_when_flushed();
    pump();
}

void Connection::close() {
    if (stream_) return stream_->close();
    boost::system::error_code ignored;
    socket_.close(ignored);
    ended();
}

void Connection::ended() {
    if (std::exchange(open_, false)) closed_(*this);
}

void Connection::received(std::string_view bytes) {
    switch (session_->receive(bytes)) {
        case QmpSession::Outcome::Continue:
            break;
        case QmpSession::Outcome::Close:
            closing_ = true;
            break;
        case QmpSession::Outcome::Attach:
            attaching_ = true;
            first_input_ = bytes;
            break;
    }
}

void Connection::attach() {
    stream_ = std::make_shared<ConsoleStream>(std::move(socket_), session_->console(),
                                              [weak = weak_from_this()](ConsoleStream&) {
                                                  if (const auto self = weak.lock()) self->ended();
                                              });
    stream_->start_after_request(session_->replay() ? Replay::History : Replay::None,
                                 std::exchange(waiting_, {}), std::exchange(first_input_, {}));
    if (closing_) stream_->close_when_flushed();
}

void Connection::pump() {
    if (!open_ || stream_) return;
    if (!reading_ && !closing_ && !attaching_ && waiting_.size() < kPatientBacklog) read_more();
    if (writing_) return;
    if (attaching_) return attach();
    if (waiting_.empty()) {
        if (closing_) close();
        return;
    }
    sending_ = std::exchange(waiting_, {});
    writing_ = true;
    asio::async_write(socket_, asio::buffer(sending_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          self->writing_ = false;
                          self->sending_.clear();
                          if (error) return self->close();
                          self->pump();
                      });
}

void Connection::read_more() {
    reading_ = true;
    socket_.async_read_some(
        asio::buffer(input_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            self->reading_ = false;
            if (!self->open_) return;
            if (error) {
                // The client sends no more; what it asked for is still answered.
                self->closing_ = true;
            } else {
                self->received({self->input_.data(), size});
            }
            self->pump();
        });
}

}  // namespace redoubt::vmmd
