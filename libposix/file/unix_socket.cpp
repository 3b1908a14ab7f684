// See unix_socket.hpp.
#include "libposix/file/unix_socket.hpp"

#include <new>

#include "libposix/process.hpp"

namespace redoubt::posix {
namespace {

using abi::scheme::ChannelCall;
using abi::scheme::EventMask;
using abi::scheme::OpenFlags;

/// The path in an address, empty if it is malformed or of another family.
std::string_view path_of(const sockaddr_un& address, std::size_t length) {
    constexpr std::size_t kOffset = offsetof(sockaddr_un, sun_path);
    constexpr std::uint16_t kUnixFamily = 1;
    if (length <= kOffset || length > sizeof(sockaddr_un) || address.sun_family != kUnixFamily) {
        return {};
    }
    std::size_t size = 0;
    while (size < length - kOffset && address.sun_path[size] != '\0') ++size;
    return {address.sun_path, size};
}

constexpr std::string_view channel_name(std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    return path;
}

}  // namespace

long UnixSocket::bind(const sockaddr_un& address, std::size_t length) {
    const std::string_view path = path_of(address, length);
    if (state_ != State::Fresh || path.empty()) return -EINVAL;
    path_length_ = path.size();
    __builtin_memcpy(path_, path.data(), path.size());
    state_ = State::Bound;
    return 0;
}

long UnixSocket::listen() {
    if (state_ == State::Listening) return 0;
    if (state_ != State::Bound) return -EINVAL;
    const native::Slot root = find_scheme("chan", channel_name(path()));
    if (root == 0) return -EACCES;
    const auto flags = static_cast<OpenFlags>(static_cast<std::uint64_t>(OpenFlags::Listen) |
                                              static_cast<std::uint64_t>(OpenFlags::Create));
    const long error = handle_.open(root, channel_name(path()), flags);
    if (error == -EEXIST || error == -EBUSY) return -EADDRINUSE;
    if (error == 0) state_ = State::Listening;
    return error;
}

long UnixSocket::connect(const sockaddr_un& address, std::size_t length) {
    const std::string_view path = path_of(address, length);
    if (state_ == State::Connected) return -EISCONN;
    if (state_ == State::Listening || path.empty()) return -EINVAL;
    const native::Slot root = find_scheme("chan", channel_name(path));
    if (root == 0) return -EACCES;
    const long error = handle_.open(root, channel_name(path), OpenFlags::None);
    if (error == 0) state_ = State::Connected;
    return error;
}

long UnixSocket::accept(Ref<UnixSocket>& connection) {
    if (state_ != State::Listening) return -EINVAL;
    Ref<UnixSocket> fresh{new (std::nothrow) UnixSocket};
    const native::Slot slot = process().slots.allocate();
    long error = !fresh || slot == 0 ? -ENOMEM : 0;
    if (error == 0) {
        error = handle_.control(EventMask::Readable,
                                static_cast<std::uint64_t>(ChannelCall::Accept), 0, slot);
    }
    if (error != 0) {
        if (slot != 0) process().slots.free(slot);
        return error;
    }
    fresh->handle_.adopt(slot);
    fresh->state_ = State::Connected;
    fresh->path_length_ = path_length_;
    __builtin_memcpy(fresh->path_, path_, sizeof(path_));
    connection = std::move(fresh);
    return 0;
}

long UnixSocket::shutdown(int how) {
    if (state_ != State::Connected) return -ENOTCONN;
    constexpr int kShutRead = 0;
    if (how == kShutRead || write_closed_) return 0;
    write_closed_ = true;
    handle_.control(EventMask::None, static_cast<std::uint64_t>(ChannelCall::Shutdown), 1, 0);
    return 0;
}

long UnixSocket::read(void* to, std::size_t size) {
    if (state_ != State::Connected) return -ENOTCONN;
    return size == 0 ? 0 : handle_.read(0, to, size);
}

long UnixSocket::write(const void* from, std::size_t size) {
    if (state_ != State::Connected) return -ENOTCONN;
    if (write_closed_) return -EPIPE;
    return size == 0 ? 0 : handle_.write(0, from, size);
}

std::uint32_t UnixSocket::readiness() {
    const bool open = state_ == State::Listening || state_ == State::Connected;
    return open ? handle_.readiness() : EPOLLOUT | EPOLLHUP;
}

}  // namespace redoubt::posix
