// Both directions of a console connection, each with its own back-pressure.
#include "vmmd/console/console_stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <span>
#include <utility>

namespace redoubt::vmmd {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kChunk = 4096;

}  // namespace

ConsoleStream::ConsoleStream(Socket socket, std::shared_ptr<ConsoleHub> hub, Closed closed)
    : socket_(std::move(socket)), hub_(std::move(hub)), closed_(std::move(closed)) {}

void ConsoleStream::start_after_request(Replay replay, std::string first_output,
                                        std::string first_input) {
    output_ = std::move(first_output);
    untyped_ = std::move(first_input);
    newline_expected_ = true;
    start(replay);
}

void ConsoleStream::start(Replay replay) {
    watcher_ = hub_->watch(replay, Delivery::Lossy,
                           [weak = weak_from_this(), executor = socket_.get_executor()] {
                               asio::post(executor, [weak] {
                                   if (const auto self = weak.lock()) self->pump();
                               });
                           });
    pump();
}

void ConsoleStream::close_when_flushed() {
    closing_ = true;
    pump();
}

void ConsoleStream::close() {
    if (!std::exchange(open_, false)) return;
    watcher_.reset();
    boost::system::error_code ignored;
    socket_.close(ignored);
    closed_(*this);
}

void ConsoleStream::drop_newline(std::string_view& bytes) {
    if (bytes.empty() || !std::exchange(newline_expected_, false)) return;
    // A carriage return alone is the Enter key.
    const bool with_return = bytes.starts_with("\r\n");
    if (with_return || bytes.starts_with('\n')) bytes.remove_prefix(with_return ? 2 : 1);
}

void ConsoleStream::type(std::string_view bytes) {
    drop_newline(bytes);
    const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    untyped_ = bytes.substr(hub_->input(data));
}

void ConsoleStream::pump() {
    if (!open_) return;
    if (!untyped_.empty()) type(std::exchange(untyped_, {}));
    if (!reading_ && !closing_ && untyped_.empty()) read_more();
    if (writing_) return;
    if (output_.empty()) {
        output_.resize(kChunk);
        output_.resize(watcher_->read({reinterpret_cast<std::uint8_t*>(output_.data()), kChunk}));
    }
    if (output_.empty()) {
        if (closing_) close();
        return;
    }
    writing_ = true;
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          self->writing_ = false;
                          self->output_.clear();
                          if (error) return self->close();
                          self->pump();
                      });
}

void ConsoleStream::read_more() {
    reading_ = true;
    socket_.async_read_some(
        asio::buffer(input_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            self->reading_ = false;
            if (!self->open_) return;
            if (error) return self->close();
            self->type({self->input_.data(), size});
            self->pump();
        });
}

}  // namespace redoubt::vmmd
