// The hub keeps history, serves several watchers, and passes input with back-pressure.
#include "vmmd/console/console_hub.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace redoubt::vmmd {
namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string read_all(ConsoleWatcher& watcher) {
    std::string all;
    std::array<std::uint8_t, 1000> chunk;
    while (const std::size_t size = watcher.read(chunk)) {
        all.append(reinterpret_cast<const char*>(chunk.data()), size);
    }
    return all;
}

class ConsoleHubTest : public testing::Test {
  protected:
    std::unique_ptr<ConsoleWatcher> watch(Replay replay, Delivery delivery = Delivery::Lossy) {
        return hub_->watch(replay, delivery, [this] { ++notifications_; });
    }

    std::shared_ptr<ConsoleHub> hub_ = ConsoleHub::create();
    int notifications_ = 0;
};

TEST_F(ConsoleHubTest, ReplaysHistoryToWhoWantsIt) {
    hub_->write(bytes_of("old "));
    const auto with = watch(Replay::History);
    const auto without = watch(Replay::None);
    hub_->write(bytes_of("new"));
    EXPECT_EQ(read_all(*with), "old new");
    EXPECT_EQ(read_all(*without), "new");
    EXPECT_EQ(read_all(*with), "");
}

TEST_F(ConsoleHubTest, KeepsTheLastBytesOnly) {
    const std::string text(ConsoleHub::kHistoryBytes, 'a');
    hub_->write(bytes_of(text));
    hub_->write(bytes_of("the end"));
    const std::string replayed = read_all(*watch(Replay::History));
    EXPECT_EQ(replayed.size(), ConsoleHub::kHistoryBytes);
    EXPECT_TRUE(replayed.ends_with("athe end"));
}

TEST_F(ConsoleHubTest, NotifiesOnceUntilAllIsRead) {
    const auto watcher = watch(Replay::None);
    hub_->write(bytes_of("a"));
    EXPECT_EQ(notifications_, 0) << "a new watcher reads before it waits";
    EXPECT_EQ(read_all(*watcher), "a");
    hub_->write(bytes_of("b"));
    hub_->write(bytes_of("c"));
    EXPECT_EQ(notifications_, 1);
    EXPECT_EQ(read_all(*watcher), "bc");
    hub_->write(bytes_of("d"));
    EXPECT_EQ(notifications_, 2);
}

TEST_F(ConsoleHubTest, ALossyWatcherSkipsWhatItMissed) {
    const auto watcher = watch(Replay::None);
    hub_->write(bytes_of(std::string(ConsoleHub::kHistoryBytes, 'x')));
    hub_->write(bytes_of("tail"));
    EXPECT_EQ(read_all(*watcher).size(), ConsoleHub::kHistoryBytes);
    EXPECT_EQ(watcher->lost(), 4u);
}

TEST_F(ConsoleHubTest, TheDeviceWaitsForALosslessWatcher) {
    const auto watcher = watch(Replay::None, Delivery::Lossless);
    constexpr std::size_t kTotal = 4 * ConsoleHub::kHistoryBytes;
    std::jthread device([&] {
        for (std::size_t i = 0; i < kTotal; i += 64) hub_->write(bytes_of(std::string(64, 'x')));
    });
    std::size_t seen = 0;
    while (seen + watcher->lost() < kTotal) {
        seen += read_all(*watcher).size();
        std::this_thread::yield();
    }
    EXPECT_EQ(watcher->lost(), 0u);
}

TEST_F(ConsoleHubTest, AStalledLosslessWatcherDoesNotHoldTheGuestForever) {
    const auto watcher = watch(Replay::None, Delivery::Lossless);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) hub_->write(bytes_of(std::string(4096, 'x')));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    EXPECT_EQ(read_all(*watcher).size(), ConsoleHub::kHistoryBytes);
}

TEST_F(ConsoleHubTest, InputWaitsForTheDevice) {
    EXPECT_EQ(hub_->input(bytes_of("early ")), 6u);
    std::string typed;
    std::size_t room = 4;
    const auto device = [&](std::span<const std::uint8_t> bytes) {
        const std::size_t taken = std::min(room, bytes.size());
        typed.append(reinterpret_cast<const char*>(bytes.data()), taken);
        room -= taken;
        return taken;
    };
    hub_->set_device_input(device);
    EXPECT_EQ(typed, "earl");
    hub_->input(bytes_of("bird"));
    EXPECT_EQ(typed, "earl");
    room = 100;
    hub_->device_ready();
    EXPECT_EQ(typed, "early bird");
    hub_->set_device_input({});
    hub_->input(bytes_of("!"));
    EXPECT_EQ(typed, "early bird");
}

TEST_F(ConsoleHubTest, TellsWatchersOfRoomForInput) {
    const auto watcher = watch(Replay::None);
    read_all(*watcher);
    const std::string much(ConsoleHub::kInputBytes + 10, 'x');
    EXPECT_EQ(hub_->input(bytes_of(much)), ConsoleHub::kInputBytes);
    EXPECT_EQ(notifications_, 0);
    hub_->set_device_input([](std::span<const std::uint8_t> bytes) { return bytes.size(); });
    EXPECT_EQ(notifications_, 1);
    EXPECT_EQ(hub_->input(bytes_of(much)), ConsoleHub::kInputBytes);
}

}  // namespace
}  // namespace redoubt::vmmd
