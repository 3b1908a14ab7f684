// The management socket with real clients: several at once, rude ones, slow ones, and consoles.
#include "vmmd/management/server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tests/unit/vmmd/console/socket_client.hpp"
#include "tests/unit/vmmd/management/model_control.hpp"
#include "vmmd/management/commands.hpp"
#include "vmmd/management/event_loop.hpp"

namespace redoubt::vmmd {
namespace {

using nlohmann::json;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class ManagementServerTest : public testing::Test {
  protected:
    ManagementServerTest() {
        server_->spread_events_of(control_);
        EXPECT_TRUE(server_->listen(path_).has_value());
        thread_ = std::jthread([this] { loop_.run(); });
    }
    ~ManagementServerTest() override {
        loop_.post([this] {
            server_.reset();
            loop_.stop();
        });
    }

    /// A client that has negotiated.
    std::unique_ptr<SocketClient> client() {
        auto made = std::make_unique<SocketClient>(path_);
        EXPECT_TRUE(made->connected());
        EXPECT_TRUE(made->receive_line().starts_with("{\"QMP\""));
        EXPECT_EQ(ask(*made, R"({"execute":"qmp_capabilities"})"), json::parse(R"({"return":{}})"));
        return made;
    }
    static json ask(SocketClient& client, const std::string& request) {
        EXPECT_TRUE(client.send(request + "\n"));
        return json::parse(client.receive_line(), nullptr, false);
    }
    static bool answers(SocketClient& client) {
        return ask(client, R"({"execute":"query-status"})").contains("return");
    }
    std::unique_ptr<SocketClient> attached(const std::string& arguments = "{}") {
        auto made = client();
        EXPECT_EQ(ask(*made, R"({"execute":"vm-attach","arguments":)" + arguments + "}"),
                  json::parse(R"({"return":{}})"));
        return made;
    }

    TemporaryDirectory directory_;
    std::string path_ = directory_.file("vmm.sock");
    ModelControl control_{{"web"}};
    ConsoleHub& console_ = *control_.machines["web"].console;
    EventLoop loop_;
    LocalExecutor executor_{control_};
    std::unique_ptr<ManagementServer> server_ =
        std::make_unique<ManagementServer>(loop_, executor_);
    std::jthread thread_;
};

TEST_F(ManagementServerTest, ServesSeveralClientsAtATime) {
    std::vector<std::unique_ptr<SocketClient>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(client());
    for (auto& each : clients) EXPECT_TRUE(answers(*each));
}

TEST_F(ManagementServerTest, SpreadsEventsToAll) {
    const auto one = client(), other = client();
    EXPECT_TRUE(ask(*one, R"({"execute":"stop"})").contains("return"))
        << "the answer comes before the event";
    EXPECT_EQ(json::parse(one->receive_line())["event"], "STOP");
    EXPECT_EQ(json::parse(other->receive_line())["event"], "STOP");
}

TEST_F(ManagementServerTest, TakesARequestInSingleBytes) {
    const auto slow = client();
    for (const char byte : std::string(R"({"execute":"query-status"})")) slow->send({&byte, 1});
    EXPECT_TRUE(json::parse(slow->receive_line()).contains("return"));
}

TEST_F(ManagementServerTest, AnswersWhatWasAskedBeforeTheClientHungUp) {
    const auto hasty = client();
    hasty->send("{\"execute\":\"query-status\"}{\"execute\":\"query-name\"}{\"exec");
    ::shutdown(hasty->descriptor(), SHUT_WR);
    EXPECT_TRUE(json::parse(hasty->receive_line()).contains("return"));
    EXPECT_TRUE(json::parse(hasty->receive_line()).contains("return"));
    EXPECT_TRUE(hasty->closes());
}

TEST_F(ManagementServerTest, SurvivesClientsThatVanish) {
    for (int i = 0; i < 50; ++i) {
        SocketClient rude(path_);
        if (i % 2) rude.send("{\"execute\":\"query-commands\"}{\"execute\":");
    }
    EXPECT_TRUE(answers(*client()));
}

TEST_F(ManagementServerTest, ClosesAfterAMegabyteAndKeepsServingOthers) {
    const auto other = client(), big = client();
    big->send("{\"execute\":\"" + std::string(2 << 20, 'x'));
    EXPECT_NE(big->receive_line().find("longer than 1 MiB"), std::string::npos);
    EXPECT_TRUE(big->closes());
    EXPECT_TRUE(answers(*other));
}

TEST_F(ManagementServerTest, DropsAClientThatDoesNotRead) {
    const auto deaf = client(), other = client();
    const VmEvent event{.kind = VmEvent::Kind::Shutdown, .reason = std::string(100'000, 'r')};
    for (int i = 0; i < 40; ++i) {
        control_.emit(event);
        EXPECT_FALSE(other->receive_line().empty());
    }
    EXPECT_TRUE(deaf->closes());
    EXPECT_TRUE(answers(*other));
}

TEST_F(ManagementServerTest, ReadsNoMoreFromAClientWhoseAnswersPileUp) {
    const auto greedy = client();
    std::jthread asking([&] {
        for (int i = 0; i < 5000; ++i) greedy->send("{\"execute\":\"query-commands\"}");
    });
    for (int i = 0; i < 5000; ++i)
        ASSERT_TRUE(json::parse(greedy->receive_line()).contains("return"));
}

TEST_F(ManagementServerTest, AttachReplaysThenFollowsAndTypes) {
    std::string typed;
    std::atomic<std::size_t> size = 0;
    console_.set_device_input([&](std::span<const std::uint8_t> bytes) {
        typed.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        size = typed.size();
        return bytes.size();
    });
    console_.write(bytes_of("boot log\n"));
    const auto watcher = attached(), fresh = attached(R"({"replay":false})");
    console_.write(bytes_of("# "));
    EXPECT_EQ(watcher->receive_until("# "), "boot log\n# ");
    EXPECT_EQ(fresh->receive_until("# "), "# ");
    watcher->send("ls\n");
    while (size < 3) std::this_thread::yield();
    EXPECT_EQ(typed, "ls\n");
    console_.set_device_input({});
}

TEST_F(ManagementServerTest, AttachIsTypedIntoInTheSamePacket) {
    const auto eager = client();
    eager->send("{\"execute\":\"query-status\"}{\"execute\":\"vm-attach\"}hello");
    EXPECT_TRUE(json::parse(eager->receive_line()).contains("return"));
    EXPECT_EQ(eager->receive_line(), "{\"return\":{}}\r\n");
    std::promise<std::string> typed;
    console_.set_device_input([&](std::span<const std::uint8_t> bytes) {
        typed.set_value({bytes.begin(), bytes.end()});
        return bytes.size();
    });
    EXPECT_EQ(typed.get_future().get(), "hello");
    console_.set_device_input({});
}

TEST_F(ManagementServerTest, PastedTextWaitsForASlowGuest) {
    const auto typist = attached();
    const std::string text(100'000, 'p');
    std::jthread typing([&] { typist->send(text); });
    std::atomic<std::size_t> typed = 0;
    console_.set_device_input([&](std::span<const std::uint8_t> bytes) {
        typed += std::min<std::size_t>(bytes.size(), 16);
        return std::min<std::size_t>(bytes.size(), 16);
    });
    while (typed < text.size()) {
        console_.device_ready();
        std::this_thread::yield();
    }
    EXPECT_EQ(typed, text.size());
    console_.set_device_input({});
}

TEST_F(ManagementServerTest, AWatcherThatDoesNotReadHoldsNobodyUp) {
    const auto deaf = attached();
    for (int i = 0; i < 200; ++i) console_.write(bytes_of(std::string(16384, 'x')));
    EXPECT_TRUE(answers(*client()));
}

TEST_F(ManagementServerTest, RefusesASocketThatIsServed) {
    ModelControl other_control{{"db"}};
    EventLoop loop;
    LocalExecutor other_executor(other_control);
    ManagementServer other(loop, other_executor);
    const auto result = other.listen(path_);
    ASSERT_FALSE(result.has_value());
    EXPECT_NE(result.error().find("another process serves it"), std::string::npos);
    EXPECT_TRUE(answers(*client()));
}

TEST_F(ManagementServerTest, ReplacesASocketThatAKilledDaemonLeft) {
    const std::string stale = directory_.file("stale.sock");
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    stale.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(socket);
    ModelControl other_control{{"db"}};
    EventLoop loop;
    LocalExecutor other_executor(other_control);
    ManagementServer other(loop, other_executor);
    EXPECT_TRUE(other.listen(stale).has_value());
}

TEST_F(ManagementServerTest, SaysWhyItCannotListen) {
    ModelControl other_control{{"db"}};
    EventLoop loop;
    LocalExecutor other_executor(other_control);
    ManagementServer other(loop, other_executor);
    EXPECT_EQ(other.listen(directory_.file("no/such/dir")).error(),
              "cannot listen on " + directory_.file("no/such/dir") + ": No such file or directory");
    EXPECT_FALSE(other.listen(std::string(200, 'x')).has_value());
    EXPECT_FALSE(other.listen("").has_value());
}

TEST_F(ManagementServerTest, DrainSendsTheLastEventAndTheLastOutput) {
    const auto manager = client(), watcher = attached();
    console_.write(bytes_of("Power down.\n"));
    std::promise<void> done;
    control_.emit({.kind = VmEvent::Kind::DaemonExit, .reason = "bye", .code = 3});
    server_->drain(std::chrono::seconds(5), [&] { done.set_value(); });
    EXPECT_EQ(json::parse(manager->receive_line())["data"]["code"], 3);
    EXPECT_TRUE(manager->closes());
    EXPECT_EQ(watcher->receive_until("\n"), "Power down.\n");
    EXPECT_TRUE(watcher->closes());
    done.get_future().get();
    EXPECT_FALSE(SocketClient(path_).connected());
}

TEST_F(ManagementServerTest, DrainLosesPatienceWithClientsThatDoNotRead) {
    const auto deaf = attached();
    for (int i = 0; i < 100; ++i) console_.write(bytes_of(std::string(16384, 'x')));
    std::promise<void> done;
    server_->drain(std::chrono::milliseconds(50), [&] { done.set_value(); });
    EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

}  // namespace
}  // namespace redoubt::vmmd
