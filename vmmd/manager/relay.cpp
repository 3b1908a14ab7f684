// Reading from one side and writing to the other, both ways.
#include "vmmd/manager/relay.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace redoubt::vmmd {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kChunk = 4096;

}  // namespace

Relay::Relay(Socket client, Socket monitor, std::function<void()> closed)
    : client_(std::move(client)), monitor_(std::move(monitor)), closed_(std::move(closed)) {}

void Relay::start(std::string to_client, std::string from_monitor, std::string to_monitor) {
    drop_newline(from_monitor);
    outward_.buffer = std::move(to_client) + from_monitor;
    inward_.buffer = std::move(to_monitor);
    write(outward_);
    write(inward_);
}

void Relay::drop_newline(std::string& bytes) {
    std::size_t count = 0;
    while (count < bytes.size() && !newline_.empty() && bytes[count] == newline_.front()) {
        newline_.remove_prefix(1);
        ++count;
    }
    if (count < bytes.size()) newline_ = {};
    bytes.erase(0, count);
}

void Relay::read(Direction& direction) {
    if (!open_) return;
    direction.buffer.resize(kChunk);
    direction.from.async_read_some(
        asio::buffer(direction.buffer),
        [self = shared_from_this(), &direction](boost::system::error_code error, std::size_t size) {
            if (error) return self->end(direction);
            direction.buffer.resize(size);
            if (&direction == &self->outward_) self->drop_newline(direction.buffer);
            self->write(direction);
        });
}

void Relay::write(Direction& direction) {
    if (!open_) return;
    if (direction.buffer.empty()) return read(direction);
    asio::async_write(
        direction.to, asio::buffer(direction.buffer),
        [self = shared_from_this(), &direction](boost::system::error_code error, std::size_t) {
            if (error) return self->close();
            self->read(direction);
        });
}

/// The monitor's end is the end of all. A client may have finished talking and still listen.
void Relay::end(Direction& direction) {
    if (&direction == &outward_ || std::exchange(direction.ended, true)) return close();
    boost::system::error_code ignored;
    direction.to.shutdown(Socket::shutdown_send, ignored);
}

void Relay::close_when_flushed() {
    boost::system::error_code ignored;
    client_.shutdown(Socket::shutdown_receive, ignored);
}

void Relay::close() {
    if (!std::exchange(open_, false)) return;
    boost::system::error_code ignored;
    client_.close(ignored);
    monitor_.close(ignored);
    closed_();
}

MonitorStream::MonitorStream(Socket monitor, std::string first)
    : monitor_(std::move(monitor)), first_(std::move(first)) {}

std::shared_ptr<ByteStream> MonitorStream::start(Socket client, std::string first_output,
                                                 std::string first_input,
                                                 std::function<void()> closed) {
    auto relay = std::make_shared<Relay>(std::move(client), std::move(monitor_), std::move(closed));
    relay->start(std::move(first_output), std::move(first_), std::move(first_input));
    return relay;
}

}  // namespace redoubt::vmmd
