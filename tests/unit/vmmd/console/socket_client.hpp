// A blocking unix-socket client for tests, and a directory for their sockets.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace redoubt::vmmd {

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "redoubt-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    std::string file(std::string_view name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

class SocketClient {
  public:
    explicit SocketClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        connected_ =
            ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~SocketClient() { ::close(socket_); }
    SocketClient(const SocketClient&) = delete;
    SocketClient& operator=(const SocketClient&) = delete;

    bool connected() const { return connected_; }
    int descriptor() const { return socket_; }

    /// False when the other side is gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// Up to and with `end`; less when the other side closes or nothing comes for two seconds.
    std::string receive_until(std::string_view end) {
        while (received_.find(end) == received_.npos && receive_some()) continue;
        const std::size_t at = received_.find(end);
        const std::size_t size = at == received_.npos ? received_.size() : at + end.size();
        const std::string result = received_.substr(0, size);
        received_.erase(0, size);
        return result;
    }
    std::string receive_line() { return receive_until("\n"); }

    /// Whether the other side closes within two seconds; what comes before is thrown away.
    bool closes() {
        while (receive_some()) received_.clear();
        return closed_;
    }

  private:
    bool receive_some() {
        pollfd ready{socket_, POLLIN, 0};
        if (::poll(&ready, 1, 2000) <= 0) return false;
        char chunk[65536];
        const ssize_t size = ::recv(socket_, chunk, sizeof(chunk), 0);
        closed_ = size <= 0;
        if (closed_) return false;
        received_.append(chunk, static_cast<std::size_t>(size));
        return true;
    }

    int socket_;
    bool connected_ = false;
    bool closed_ = false;
    std::string received_;
};

}  // namespace redoubt::vmmd
