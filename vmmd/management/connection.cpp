// Reading, writing and back-pressure of one client.
#include "vmmd/management/connection.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "vmmd/console/console_stream.hpp"
#include "vmmd/management/stream_source.hpp"

namespace redoubt::vmmd {

namespace asio = boost::asio;

Connection::Connection(Socket socket, CommandExecutor& executor,
                       std::function<void(Connection&)> closed)
    : socket_(std::move(socket)), executor_(executor), closed_(std::move(closed)) {}

void Connection::start() {
    session_ = std::make_unique<QmpSession>(
        executor_, [this](std::string_view line) { send(line); },
        [this](QmpSession::Outcome outcome) {
            waiting_for_answer_ = false;
            if (!open_) return;
            const std::string unread = std::exchange(unread_, {});
            if (outcome == QmpSession::Outcome::Continue) {
                serve(unread);
            } else {
                proceed(outcome, unread);
            }
            pump();
        });
    pump();
}

void Connection::send(std::string_view bytes) {
    if (!open_) return;
    if (waiting_.size() + socket_.unsent() > kMaximumBacklog) {
        // Not from inside the session, which is about to return into this object.
        asio::post(socket_.executor(), [self = shared_from_this()] { self->close(); });
        return;
    }
    waiting_ += bytes;
}

void Connection::send_event(std::string_view line) {
    if (becoming_ || closing_ || !open_) return;
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
    socket_.close();
    ended();
}

void Connection::ended() {
    if (std::exchange(open_, false)) closed_(*this);
}

void Connection::serve(std::string_view bytes) {
    const auto outcome = session_->receive(bytes);
    proceed(outcome, bytes);
}

void Connection::proceed(QmpSession::Outcome outcome, std::string_view rest) {
    switch (outcome) {
        case QmpSession::Outcome::Continue:
            break;
        case QmpSession::Outcome::Close:
            closing_ = true;
            break;
        case QmpSession::Outcome::Stream:
            becoming_ = true;
            unread_ = rest;
            break;
        case QmpSession::Outcome::Wait:
            waiting_for_answer_ = true;
            unread_ = rest;
            break;
    }
}

void Connection::become_stream() {
    const auto& effects = session_->effects();
    const auto closed = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->ended();
    };
    auto first_output = std::exchange(waiting_, {});
    auto first_input = std::exchange(unread_, {});
    if (effects.stream) {
        stream_ = effects.stream->start(socket_.take(), std::move(first_output),
                                        std::move(first_input), closed);
    } else {
        auto console = std::make_shared<ConsoleStream>(socket_.take(), effects.attach,
                                                       [closed](ConsoleStream&) { closed(); });
        stream_ = console;
        console->start_after_request(effects.replay ? Replay::History : Replay::None,
                                     std::move(first_output), std::move(first_input));
    }
    if (closing_) stream_->close_when_flushed();
}

void Connection::pump() {
    if (!open_ || stream_) return;
    if (!socket_.reading() && !closing_ && !becoming_ && !waiting_for_answer_ &&
        waiting_.size() < kPatientBacklog)
        socket_.read(shared_from_this());
    if (socket_.writing()) return;
    if (becoming_) return become_stream();
    if (waiting_.empty()) {
        // What was asked for before the client's last byte is still answered.
        if (closing_ && !waiting_for_answer_) close();
        return;
    }
    socket_.write(shared_from_this(), waiting_);
}

void Connection::received(boost::system::error_code error, std::string_view bytes) {
    if (!open_) return;
    if (error) {
        // The client sends no more; what it asked for is still answered.
        closing_ = true;
    } else {
        serve(bytes);
    }
    pump();
}

}  // namespace redoubt::vmmd
