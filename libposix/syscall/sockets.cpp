// System calls on sockets.
#include <asm/socket.h>
#include <linux/fcntl.h>

#include <new>

#include "libposix/file/unix_socket.hpp"
#include "libposix/syscall/syscalls.hpp"
#include "libposix/syscall/transfer.hpp"

namespace redoubt::posix {

struct MessageHeader {
    void* name;
    int name_length;
    iovec* parts;
    std::size_t part_count;
    void* control;
    std::size_t control_length;
    int flags;
};

namespace {

constexpr std::uint16_t kUnixFamily = 1;
constexpr int kStream = 1;
constexpr int kTypeMask = 0xF;
constexpr int kDontWait = 0x40;

/// The socket behind a descriptor and the errno if there is none.
struct Found {
    explicit Found(int fd) : file(fd_table().get(fd)) {
        socket = file_as<UnixSocket>(file, File::Type::Socket);
        error = socket != nullptr ? 0 : file ? -ENOTSOCK : -EBADF;
    }
    Ref<> file;
    UnixSocket* socket;
    long error;
};

long insert(Ref<UnixSocket> socket, int flags) {
    socket->nonblocking = (flags & O_NONBLOCK) != 0;
    return fd_table().insert(Ref<>{socket.get()}, (flags & O_CLOEXEC) != 0);
}

/// Stores a socket's name the way Linux does: cut to the caller's room, with the whole length told.
void store_name(std::string_view path, sockaddr_un* address, std::uint32_t* length) {
    if (address == nullptr || length == nullptr) return;
    sockaddr_un name = {};
    name.sun_family = kUnixFamily;
    if (!path.empty()) __builtin_memcpy(name.sun_path, path.data(), path.size());
    std::size_t size = offsetof(sockaddr_un, sun_path) + (path.empty() ? 0 : path.size() + 1);
    if (size > sizeof(name)) size = sizeof(name);
    __builtin_memcpy(address, &name, size < *length ? size : *length);
    *length = static_cast<std::uint32_t>(size);
}

}  // namespace

long sys_socket(int family, int type, int protocol) {
    if (family != kUnixFamily) return -EAFNOSUPPORT;
    if ((type & kTypeMask) != kStream || protocol != 0) return -EPROTONOSUPPORT;
    Ref<UnixSocket> socket{new (std::nothrow) UnixSocket};
    return socket ? insert(std::move(socket), type) : -ENOMEM;
}

long sys_bind(int fd, const sockaddr_un* address, std::uint32_t length) {
    const Found found{fd};
    return found.socket != nullptr ? found.socket->bind(*address, length) : found.error;
}

long sys_listen(int fd) {
    const Found found{fd};
    return found.socket != nullptr ? found.socket->listen() : found.error;
}

long sys_accept4(int fd, sockaddr_un* address, std::uint32_t* length, int flags) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    UnixSocket& listener = *found.socket;
    Ref<UnixSocket> connection;
    const long error = until_done(listener, EPOLLIN, !listener.nonblocking,
                                  [&] { return listener.accept(connection); });
    if (error != 0) return error;
    // The other end has no name.
    store_name({}, address, length);
    return insert(std::move(connection), flags);
}

long sys_connect(int fd, const sockaddr_un* address, std::uint32_t length) {
    const Found found{fd};
    return found.socket != nullptr ? found.socket->connect(*address, length) : found.error;
}

long sys_send(int fd, const void* from, std::size_t size, int flags) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    return write_all(*found.socket, from, size, (flags & kDontWait) == 0);
}

long sys_receive(int fd, void* to, std::size_t size, int flags) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    if ((flags & ~(kDontWait | 0x4000)) != 0) return -EOPNOTSUPP;  // 0x4000: MSG_NOSIGNAL
    return read_some(*found.socket, to, size, (flags & kDontWait) == 0);
}

long sys_sendmsg(int fd, const MessageHeader* message, int flags) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    if (message->control_length != 0) return -EOPNOTSUPP;
    return each_part(message->parts, message->part_count,
                     [&](const void* from, std::size_t size, bool) {
                         return write_all(*found.socket, from, size, (flags & kDontWait) == 0);
                     });
}

long sys_recvmsg(int fd, MessageHeader* message, int flags) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    message->control_length = 0;
    message->name_length = 0;
    message->flags = 0;
    return each_part(message->parts, message->part_count,
                     [&](void* to, std::size_t size, bool first) {
                         const bool may_block = first && (flags & kDontWait) == 0;
                         return read_some(*found.socket, to, size, may_block);
                     });
}

long sys_shutdown(int fd, int how) {
    const Found found{fd};
    return found.socket != nullptr ? found.socket->shutdown(how) : found.error;
}

long sys_getsockname(int fd, sockaddr_un* address, std::uint32_t* length) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    store_name(found.socket->path(), address, length);
    return 0;
}

long sys_getpeername(int fd, sockaddr_un* address, std::uint32_t* length) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    if (!found.socket->is_connected()) return -ENOTCONN;
    store_name({}, address, length);
    return 0;
}

long sys_getsockopt(int fd, int level, int name, void* value, std::uint32_t* length) {
    const Found found{fd};
    if (found.socket == nullptr) return found.error;
    if (level != SOL_SOCKET || *length < sizeof(int)) return -EINVAL;
    int answer = 0;
    switch (name) {
        case SO_ERROR:
            break;
        case SO_TYPE:
            answer = kStream;
            break;
        case SO_DOMAIN:
            answer = kUnixFamily;
            break;
        case SO_ACCEPTCONN:
            answer = found.socket->is_listening() ? 1 : 0;
            break;
        case SO_SNDBUF:
        case SO_RCVBUF:
            answer = 65536;
            break;
        default:
            return -ENOPROTOOPT;
    }
    __builtin_memcpy(value, &answer, sizeof(answer));
    *length = sizeof(answer);
    return 0;
}

}  // namespace redoubt::posix
