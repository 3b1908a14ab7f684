// Back ends by URL: what they take, what they refuse, and that bytes get through.
#include "vmmd/backends/backend.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/unit/vmmd/console/socket_client.hpp"
#include "vmmd/backends/descriptor_backend.hpp"
#include "vmmd/backends/line_framer.hpp"
#include "vmmd/console/console_hub.hpp"
#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {
namespace {

std::string contents(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

/// So many bytes, as they come.
std::string all_of(int descriptor, std::size_t size) {
    std::string text;
    for (int i = 0; i < 10'000 && text.size() < size; ++i) {
        char bytes[64];
        const auto got = ::read(descriptor, bytes, std::min(sizeof bytes, size - text.size()));
        if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
        if (got <= 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return text;
}

class BackendTest : public testing::Test {
  protected:
    BackendTest() {
        hub_->set_device_input([this](std::span<const std::uint8_t> bytes) {
            const std::scoped_lock lock(typed_mutex_);
            typed_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return bytes.size();
        });
    }
    ~BackendTest() override {
        loop_.stop();
        if (thread_.joinable()) thread_.join();
        backend_.reset();
        hub_->set_device_input({});
    }

    void open(const std::string& url) {
        auto opened = open_backend(url, loop_, hub_);
        ASSERT_TRUE(opened.has_value()) << opened.error();
        backend_ = std::move(*opened);
        thread_ = std::jthread([this] { loop_.run(); });
    }
    void print(std::string_view text) {
        hub_->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    bool was_typed(std::string_view text) {
        for (int i = 0; i < 2000; ++i) {
            {
                const std::scoped_lock lock(typed_mutex_);
                if (typed_ == text) return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }

    TemporaryDirectory directory_;
    EventLoop loop_;
    std::shared_ptr<ConsoleHub> hub_ = ConsoleHub::create();
    std::unique_ptr<Backend> backend_;
    std::jthread thread_;
    std::mutex typed_mutex_;
    std::string typed_;
};

TEST_F(BackendTest, KnowsItsUrls) {
    for (const char* url :
         {"console:web", "log:web", "file:/tmp/x", "unix:/tmp/x", "pty:", "null:"}) {
        EXPECT_TRUE(check_backend_url(url).has_value()) << url;
    }
    EXPECT_EQ(
        check_backend_url("consol:web").error(),
        "\"consol:web\" is not a back end's URL; it begins with one of console:, log:, file:, "
        "unix:, pty:, null:");
    EXPECT_FALSE(check_backend_url("console").has_value());
    EXPECT_FALSE(check_backend_url("").has_value());
    EXPECT_EQ(check_backend_url("file:").error(), "\"file:\" lacks a path after the colon");
}

TEST_F(BackendTest, FileTakesAllOutputBeforeItIsClosed) {
    const std::string path = directory_.file("serial.log");
    print("before ");
    open("file:" + path);
    print("after");
    loop_.stop();
    thread_.join();
    backend_.reset();
    EXPECT_EQ(contents(path), "before after");
}

TEST_F(BackendTest, FileThatCannotBeOpenedSaysWhy) {
    const auto opened = open_backend("file:/no/such/dir/x", loop_, hub_);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error(), "cannot open file:/no/such/dir/x: No such file or directory");
}

TEST_F(BackendTest, UnixServesSeveralClients) {
    const std::string path = directory_.file("serial.sock");
    open("unix:" + path);
    print("login: ");
    SocketClient one(path), other(path);
    EXPECT_EQ(one.receive_until(": "), "login: ");
    EXPECT_EQ(other.receive_until(": "), "login: ");
    other.send("root\n");
    EXPECT_TRUE(was_typed("root\n"));
}

TEST_F(BackendTest, PtyCarriesBothWaysAndRemovesItsLink) {
    const std::string link = directory_.file("tty");
    open("pty:" + link);
    EXPECT_TRUE(backend_->description().starts_with("pseudo-terminal /dev/pts/"));
    const int terminal = ::open(link.c_str(), O_RDWR | O_NOCTTY);
    ASSERT_GE(terminal, 0);
    ASSERT_EQ(::write(terminal, "typed", 5), 5);
    EXPECT_TRUE(was_typed("typed"));
    print("shown\r\n");
    std::string shown(7, ' ');
    for (std::size_t got = 0; got < shown.size();) {
        const ssize_t size = ::read(terminal, shown.data() + got, shown.size() - got);
        ASSERT_GT(size, 0);
        got += static_cast<std::size_t>(size);
    }
    EXPECT_EQ(shown, "shown\r\n");
    ::close(terminal);
    loop_.stop();
    thread_.join();
    backend_.reset();
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(link)));
}

TEST_F(BackendTest, APtyThatNobodyReadsDoesNotHoldTheGuestForLong) {
    open("pty:");
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) print(std::string(4096, 'x'));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_F(BackendTest, AServiceThatEndsIsOpenedAnewAndNothingIsLost) {
    ::signal(SIGPIPE, SIG_IGN);
    int first[2], second[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, first), 0);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, second), 0);
    unsigned attempts = 0;
    DescriptorOptions options{"a service", InputFrom::Output};
    options.reopen = [&] { return OwnedDescriptor(++attempts < 2 ? -1 : ::dup(second[1])); };
    print("before\n");
    backend_ = std::make_unique<DescriptorBackend>(loop_, hub_, OwnedDescriptor(first[1]),
                                                   OwnedDescriptor(), std::move(options));
    OwnedDescriptor old_service(first[0]), new_service(second[0]), spare(second[1]);
    EXPECT_EQ(all_of(old_service.get(), 7), "before\n");
    thread_ = std::jthread([this] { loop_.run(); });
    ::shutdown(old_service.get(), SHUT_RDWR);
    print("meanwhile\n");
    EXPECT_EQ(all_of(new_service.get(), 10), "meanwhile\n");
    EXPECT_EQ(::write(new_service.get(), "typed", 5), 5);
    EXPECT_TRUE(was_typed("typed"));
}

TEST_F(BackendTest, NullDiscards) {
    open("null:");
    print("gone");
    EXPECT_EQ(backend_->description(), "nowhere (null:)");
}

TEST(LineFramer, GivesWholeLinesWithTheirPrefix) {
    LineFramer framer("web| ");
    EXPECT_EQ(framer.frame("boot"), "");
    EXPECT_EQ(framer.frame("ing\r\n\nnext"), "web| booting\nweb| \n");
    EXPECT_EQ(framer.frame("\n"), "web| next\n");
}

TEST(LineFramer, BreaksLinesThatNeverEnd) {
    LineFramer framer("");
    EXPECT_EQ(framer.frame(std::string(LineFramer::kLongestLine + 1, 'x')).size(),
              LineFramer::kLongestLine + 1);
}

}  // namespace
}  // namespace redoubt::vmmd
