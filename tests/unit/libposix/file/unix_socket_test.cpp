// Tests of unix sockets against a small chan: server.
#include <asm/socket.h>
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/uio.h>
#include <linux/un.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "abi/scheme.hpp"
#include "libposix/process.hpp"
#include "tests/unit/libhvcall/native/fake_kernel.hpp"
#include "tests/unit/libposix/environment.hpp"

namespace redoubt::posix {
namespace {

using abi::Error;
using abi::scheme::OpenFlags;
using abi::scheme::Operation;
using test::arg;
using test::FakeKernel;
using test::linux_call;

constexpr std::uint64_t kUnix = 1, kStream = 1;

std::uint64_t number(long fd) { return static_cast<std::uint64_t>(fd); }
char* bytes(abi::IpcBuffer& buffer) { return reinterpret_cast<char*>(buffer.words + 4); }

struct Direction {
    std::string data;
    bool closed = false;
};
struct Connection {
    Direction to_server, to_client;
};
struct Listener {
    std::deque<std::shared_ptr<Connection>> waiting;
};

/// Names, listeners and byte streams; no events, which these tests do not wait for.
struct ChannelServer {
    ChannelServer() {
        FakeKernel::instance().add_endpoint(
            test::kChannelRoot,
            [this](native::Message& m, abi::IpcBuffer& buffer) { open(m, buffer); });
    }
    void open(native::Message& m, abi::IpcBuffer& buffer) {
        const std::string path{bytes(buffer), m.mr[1]};
        const bool listen = (m.mr[0] & static_cast<std::uint64_t>(OpenFlags::Listen)) != 0;
        if (listen) {
            if (listeners.contains(path)) {
                m = native::make_reply(Error::Exists);
                return;
            }
            auto listener = std::make_shared<Listener>();
            listeners[path] = listener;
            FakeKernel::instance().add_endpoint(
                buffer.receive_first,
                [this, listener, path](native::Message& request, abi::IpcBuffer& b) {
                    if (request.info.label() == static_cast<std::uint32_t>(Operation::Close)) {
                        listeners.erase(path);
                        request = native::make_reply(Error::Ok);
                    } else {
                        accept(*listener, request, b);
                    }
                });
        } else {
            if (!listeners.contains(path)) {
                m = native::make_reply(Error::Refused);
                return;
            }
            auto connection = std::make_shared<Connection>();
            listeners[path]->waiting.push_back(connection);
            add_stream(buffer.receive_first, connection, &Connection::to_client,
                       &Connection::to_server);
        }
        m = native::make_reply(Error::Ok, 1, 0, 0, 1);
    }
    static void accept(Listener& listener, native::Message& m, abi::IpcBuffer& buffer) {
        if (listener.waiting.empty()) {
            m = native::make_reply(Error::WouldBlock);
            return;
        }
        add_stream(buffer.receive_first, listener.waiting.front(), &Connection::to_server,
                   &Connection::to_client);
        listener.waiting.pop_front();
        m = native::make_reply(Error::Ok, 0, 0, 0, 1);
    }
    static void add_stream(native::Slot slot, std::shared_ptr<Connection> connection,
                           Direction Connection::* in, Direction Connection::* out) {
        FakeKernel::instance().add_endpoint(slot, [connection, in, out](native::Message& m,
                                                                        abi::IpcBuffer& buffer) {
            Direction& input = (*connection).*in;
            Direction& output = (*connection).*out;
            switch (static_cast<Operation>(m.info.label())) {
                case Operation::Read: {
                    if (input.data.empty()) {
                        m = native::make_reply(input.closed ? Error::EndOfFile : Error::WouldBlock);
                        return;
                    }
                    const std::size_t size = std::min<std::size_t>(input.data.size(), m.mr[1]);
                    std::memcpy(bytes(buffer), input.data.data(), size);
                    input.data.erase(0, size);
                    m = native::make_reply(Error::Ok, native::words_for(size), size);
                    return;
                }
                case Operation::Write:
                    output.data.append(bytes(buffer), m.mr[1]);
                    m = native::make_reply(Error::Ok, 1, m.mr[1]);
                    return;
                case Operation::Call:
                case Operation::Close:
                    output.closed = true;
                    m = native::make_reply(Error::Ok);
                    return;
                default:
                    m = native::make_reply(Error::NotSupported);
                    return;
            }
        });
    }
    std::map<std::string, std::shared_ptr<Listener>> listeners;
};

struct UnixSocketTest : testing::Test {
    ~UnixSocketTest() override {
        for (int fd = 3; fd < 40; ++fd) linux_call(__NR_close, number(fd));
    }
    static sockaddr_un name(const char* path) {
        sockaddr_un address{};
        address.sun_family = kUnix;
        std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        return address;
    }
    long socket(std::uint64_t flags = 0) {
        return linux_call(__NR_socket, kUnix, kStream | flags, 0);
    }
    long listener(const char* path) {
        const long fd = socket(O_NONBLOCK);
        const sockaddr_un address = name(path);
        EXPECT_EQ(linux_call(__NR_bind, number(fd), arg(&address), sizeof(address)), 0);
        const long error = linux_call(__NR_listen, number(fd), 10);
        return error == 0 ? fd : error;
    }
    long connect(const char* path) {
        const long fd = socket();
        const sockaddr_un address = name(path);
        const long error = linux_call(__NR_connect, number(fd), arg(&address), sizeof(address));
        return error == 0 ? fd : error;
    }
    ChannelServer server;
};

TEST_F(UnixSocketTest, ClientAndServerTalk) {
    const long listening = listener("/run/a.sock");
    ASSERT_GE(listening, 3);
    EXPECT_TRUE(server.listeners.contains("run/a.sock"));
    EXPECT_EQ(linux_call(__NR_accept4, number(listening), 0, 0, 0), -EAGAIN);
    const long client = connect("/run/a.sock");
    ASSERT_GE(client, 3);
    sockaddr_un peer{};
    std::uint32_t length = sizeof(peer);
    const long accepted =
        linux_call(__NR_accept4, number(listening), arg(&peer), arg(&length), O_CLOEXEC);
    ASSERT_GE(accepted, 3);
    EXPECT_EQ(peer.sun_family, kUnix);
    EXPECT_EQ(length, 2U);

    EXPECT_EQ(linux_call(__NR_sendto, number(client), arg("ping"), 4, 0x4000), 4);
    char text[8] = {};
    EXPECT_EQ(linux_call(__NR_recvfrom, number(accepted), arg(text), 8, 0), 4);
    EXPECT_STREQ(text, "ping");
    iovec parts[2] = {{text, 2}, {text + 4, 3}};
    struct {
        void* name;
        long name_length;
        iovec* parts;
        std::size_t count;
        void* control;
        std::size_t control_length;
        long flags;
    } message{nullptr, 0, parts, 2, nullptr, 0, 0};
    EXPECT_EQ(linux_call(__NR_sendmsg, number(accepted), arg(&message), 0), 5);
    EXPECT_EQ(linux_call(__NR_recvmsg, number(client), arg(&message), 0x40), 5);
    EXPECT_EQ(linux_call(__NR_recvmsg, number(client), arg(&message), 0x40), -EAGAIN);
    EXPECT_EQ(linux_call(__NR_shutdown, number(accepted), 1), 0);
    EXPECT_EQ(linux_call(__NR_sendto, number(accepted), arg("x"), 1, 0), -EPIPE);
    EXPECT_EQ(linux_call(__NR_read, number(client), arg(text), 8), 0);
}

TEST_F(UnixSocketTest, NamesAndOptions) {
    const long fd = listener("/run/b.sock");
    sockaddr_un own{};
    std::uint32_t length = sizeof(own);
    EXPECT_EQ(linux_call(__NR_getsockname, number(fd), arg(&own), arg(&length)), 0);
    EXPECT_STREQ(own.sun_path, "/run/b.sock");
    EXPECT_EQ(linux_call(__NR_getpeername, number(fd), arg(&own), arg(&length)), -ENOTCONN);
    int value = 7;
    length = sizeof(value);
    EXPECT_EQ(
        linux_call(__NR_getsockopt, number(fd), SOL_SOCKET, SO_ERROR, arg(&value), arg(&length)),
        0);
    EXPECT_EQ(value, 0);
    EXPECT_EQ(linux_call(__NR_setsockopt, number(fd), SOL_SOCKET, SO_REUSEADDR, arg(&value), 4), 0);
}

TEST_F(UnixSocketTest, Errors) {
    EXPECT_EQ(connect("/run/nobody.sock"), -ECONNREFUSED);
    ASSERT_GE(listener("/run/c.sock"), 3);
    EXPECT_EQ(listener("/run/c.sock"), -EADDRINUSE);
    EXPECT_EQ(linux_call(__NR_socket, 2, kStream, 0), -EAFNOSUPPORT);
    EXPECT_EQ(linux_call(__NR_socket, kUnix, 2, 0), -EPROTONOSUPPORT);
    const long fresh = socket();
    char byte = 0;
    EXPECT_EQ(linux_call(__NR_read, number(fresh), arg(&byte), 1), -ENOTCONN);
    EXPECT_EQ(linux_call(__NR_listen, number(fresh), 1), -EINVAL);
    EXPECT_EQ(linux_call(__NR_accept, number(fresh), 0, 0), -EINVAL);
    EXPECT_EQ(linux_call(__NR_listen, 1, 1), -ENOTSOCK);
    EXPECT_EQ(linux_call(__NR_listen, 300, 1), -EBADF);
    const sockaddr_un empty = name("");
    EXPECT_EQ(linux_call(__NR_bind, number(fresh), arg(&empty), 2), -EINVAL);
    EXPECT_EQ(linux_call(__NR_bind, number(fresh), arg(&empty), 4096), -EINVAL);
}

TEST_F(UnixSocketTest, ALongestNameSurvives) {
    sockaddr_un address{};
    address.sun_family = kUnix;
    std::memset(address.sun_path, 'p', sizeof(address.sun_path));
    const long fd = socket();
    ASSERT_EQ(linux_call(__NR_bind, number(fd), arg(&address), sizeof(address)), 0);
    sockaddr_un own{};
    std::uint32_t length = sizeof(own);
    EXPECT_EQ(linux_call(__NR_getsockname, number(fd), arg(&own), arg(&length)), 0);
    EXPECT_EQ(length, sizeof(own));
}

}  // namespace
}  // namespace redoubt::posix
