// Both directions of a console connection, each with its own back-pressure.
#include "vmmd/console/console_stream.hpp"

#include <boost/asio/post.hpp>
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
    newline_.expect();
    start(replay);
}

void ConsoleStream::start(Replay replay) {
    watcher_ = hub_->watch(replay, Delivery::Lossy,
                           [weak = weak_from_this(), executor = socket_.executor()] {
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
    socket_.close();
    closed_(*this);
}

void ConsoleStream::type(std::string_view bytes) {
    newline_.drop(bytes);
    const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    untyped_ = bytes.substr(hub_->input(data));
}

void ConsoleStream::pump() {
    if (!open_) return;
    if (!untyped_.empty()) type(std::exchange(untyped_, {}));
    if (!socket_.reading() && !closing_ && untyped_.empty()) socket_.read(shared_from_this());
    if (socket_.writing()) return;
    if (output_.empty()) {
        output_.resize(kChunk);
        output_.resize(watcher_->read({reinterpret_cast<std::uint8_t*>(output_.data()), kChunk}));
    }
    if (output_.empty()) {
        if (closing_) close();
        return;
    }
    socket_.write(shared_from_this(), output_);
}

void ConsoleStream::received(boost::system::error_code error, std::string_view bytes) {
    if (!open_) return;
    if (error) return close();
    type(bytes);
    pump();
}

}  // namespace redoubt::vmmd
