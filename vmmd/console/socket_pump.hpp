// A client's socket as the event loop serves it: at most one read and one write are under way.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace redoubt::vmmd {

/// What is under way keeps its owner alive. `kInputBytes` are read at a time at the most.
template <std::size_t kInputBytes = 4096>
class SocketPump {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    explicit SocketPump(Socket socket) : socket_(std::move(socket)) {}

    bool reading() const { return reading_; }
    bool writing() const { return writing_; }
    auto executor() { return socket_.get_executor(); }

    /// Then owner->received(error, bytes), also if the owner has closed meanwhile.
    template <class Owner>
    void read(std::shared_ptr<Owner> owner) {
        reading_ = true;
        socket_.async_read_some(
            boost::asio::buffer(input_),
            [this, owner = std::move(owner)](boost::system::error_code error, std::size_t size) {
                reading_ = false;
                owner->received(error, std::string_view(input_.data(), size));
            });
    }

    /// Takes `bytes` and leaves them empty. Then owner->pump(), or owner->close() if the client is
    /// gone.
    template <class Owner>
    void write(std::shared_ptr<Owner> owner, std::string& bytes) {
        output_.swap(bytes);
        writing_ = true;
        boost::asio::async_write(
            socket_, boost::asio::buffer(output_),
            [this, owner = std::move(owner)](boost::system::error_code error, std::size_t) {
                writing_ = false;
                output_.clear();
                error ? owner->close() : owner->pump();
            });
    }

    std::size_t unsent() const { return output_.size(); }
    void close() {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }
    /// Gives the socket away; nothing may be under way.
    Socket take() { return std::move(socket_); }

  private:
    Socket socket_;
    std::array<char, kInputBytes> input_{};
    std::string output_;  ///< under way
    bool reading_ = false;
    bool writing_ = false;
};

/// The newline that ends the request after which a connection is a stream; it is not the stream's.
class RequestNewline {
  public:
    void expect() { expected_ = true; }
    /// From the first bytes that come.
    void drop(std::string_view& bytes) {
        if (bytes.empty() || !std::exchange(expected_, false)) return;
        // A carriage return alone is the Enter key.
        const bool with_return = bytes.starts_with("\r\n");
        if (with_return || bytes.starts_with('\n')) bytes.remove_prefix(with_return ? 2 : 1);
    }

  private:
    bool expected_ = false;
};

}  // namespace redoubt::vmmd
