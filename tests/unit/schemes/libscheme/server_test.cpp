// The scheme server: badges name clients and files, subscriptions signal when a state begins,
// clients clean up.
#include "schemes/libscheme/server.hpp"

#include <gtest/gtest.h>

#include <set>

#include "abi/ipc.hpp"
#include "tests/unit/schemes/bytes.hpp"

namespace redoubt::scheme {
namespace {

using abi::scheme::make_badge;
using abi::scheme::Operation;

class FakeTransport final : public Transport {
  public:
    bool exchange(const Reply*, Request&) override { return false; }
    void signal(abi::CapabilityIndex notification) override { signals.push_back(notification); }
    void drop(abi::CapabilityIndex capability) override { dropped.insert(capability); }

    std::vector<abi::CapabilityIndex> signals;
    std::multiset<abi::CapabilityIndex> dropped;
};

/// A file whose state the test sets.
class FakeFile final : public File {
  public:
    Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
        return copy_text("0123456789", offset, out);
    }
    Expected<std::size_t> write(std::uint64_t, std::span<const std::byte> bytes) override {
        written += test::text_of(bytes);
        return bytes.size();
    }
    Expected<CallResult> call(std::uint64_t code, std::uint64_t argument,
                              std::span<const std::byte>) override {
        return CallResult{code, argument, code == 7 ? std::make_shared<FakeFile>() : nullptr};
    }
    FileStatus status() const override { return {10, FileKind::Regular}; }
    EventMask ready() const override { return state; }
    void closed() override { is_closed = true; }

    EventMask state = EventMask::None;
    std::string written;
    bool is_closed = false;
};

class FakeScheme final : public Scheme {
  public:
    Expected<std::shared_ptr<File>> open(std::uint64_t client, OpenFlags,
                                         std::string_view path) override {
        last_client = client;
        if (path != "file") {
            return std::unexpected(Error::NotFound);
        }
        files.push_back(std::make_shared<FakeFile>());
        return files.back();
    }
    void notified(std::uint64_t bits) override { notifications |= bits; }

    std::vector<std::shared_ptr<FakeFile>> files;
    std::uint64_t last_client = 0;
    std::uint64_t notifications = 0;
};

class ServerTest : public testing::Test {
  protected:
    Reply send(std::uint64_t badge, Operation operation,
               std::array<std::uint64_t, 4> registers = {}, std::string_view bytes = {},
               abi::CapabilityIndex capability = 0) {
        Request request{badge, static_cast<std::uint32_t>(operation), registers, {}, capability};
        const auto payload = test::bytes_of(bytes);
        request.bytes.assign(payload.begin(), payload.end());
        Reply reply;
        EXPECT_TRUE(server_.handle(request, reply));
        EXPECT_EQ(request.capability, 0U) << "no capability is left lying about";
        return reply;
    }
    /// The badge of a new file.
    std::uint64_t open(std::uint64_t client) {
        const Reply reply = send(make_badge(client, 0), Operation::Open, {0, 4}, "file");
        EXPECT_EQ(reply.error, Error::Ok);
        return reply.file_badge;
    }

    FakeScheme scheme_;
    FakeTransport transport_;
    Server server_{scheme_, transport_, 1000};
};

TEST_F(ServerTest, OpenGivesAFileOfTheClientThatAsked) {
    const std::uint64_t file = open(5);
    EXPECT_EQ(scheme_.last_client, 5U);
    EXPECT_EQ(abi::scheme::badge_client(file), 5U);
    EXPECT_EQ(abi::scheme::badge_file(file), 1000U);
    EXPECT_EQ(send(make_badge(5, 0), Operation::Open, {0, 7}, "nothing").error, Error::NotFound);
}

TEST_F(ServerTest, ARestrictedRootOpensItsPathOnly) {
    using abi::scheme::restricted_root;
    const auto open_with = [&](std::uint64_t root) {
        return send(make_badge(5, root), Operation::Open, {0, 4}, "file").error;
    };
    EXPECT_EQ(open_with(restricted_root("/file")), Error::Ok);
    EXPECT_EQ(open_with(restricted_root("files")), Error::MissingRight);
    EXPECT_EQ(open_with(restricted_root("")), Error::MissingRight);
    EXPECT_EQ(send(make_badge(5, restricted_root("file")), Operation::Read, {0, 1}).error,
              Error::NotSupported);
}

TEST_F(ServerTest, ReadsAndWrites) {
    const std::uint64_t file = open(5);
    const Reply read = send(file, Operation::Read, {2, 3});
    EXPECT_EQ(test::text_of(read.bytes), "234");
    EXPECT_EQ(read.registers[0], 3U);
    EXPECT_EQ(send(file, Operation::Write, {0, 5}, "hello").registers[0], 5U);
    EXPECT_EQ(scheme_.files[0]->written, "hello");
    EXPECT_EQ(send(file, Operation::Stat).registers[0], 10U);
}

TEST_F(ServerTest, LengthsThatExceedTheMessageAreRefused) {
    const std::uint64_t file = open(5);
    EXPECT_EQ(send(file, Operation::Write, {0, 6}, "hello").error, Error::InvalidArgument);
    EXPECT_EQ(send(file, Operation::Call, {0, 1}).error, Error::InvalidArgument);
    EXPECT_EQ(send(make_badge(5, 0), Operation::Open, {0, 5}, "file").error,
              Error::InvalidArgument);
    const Reply read = send(file, Operation::Read, {0, ~std::uint64_t{0}});
    EXPECT_EQ(read.registers[0], 10U);
}

TEST_F(ServerTest, AFileAnswersOnlyItsOwnClient) {
    const std::uint64_t file = open(5);
    const std::uint64_t forged = make_badge(6, abi::scheme::badge_file(file));
    EXPECT_EQ(send(forged, Operation::Read, {0, 1}).error, Error::InvalidCapability);
}

TEST_F(ServerTest, AClosedFileIsDead) {
    const std::uint64_t file = open(5);
    EXPECT_EQ(send(file, Operation::Close).error, Error::Ok);
    EXPECT_TRUE(scheme_.files[0]->is_closed);
    EXPECT_EQ(send(file, Operation::Read, {0, 1}).error, Error::InvalidCapability);
}

TEST_F(ServerTest, CallMayMakeAFile) {
    const std::uint64_t file = open(5);
    const Reply plain = send(file, Operation::Call, {3, 0, 4});
    EXPECT_EQ(plain.registers[0], 3U);
    EXPECT_EQ(plain.registers[1], 4U);
    EXPECT_EQ(plain.file_badge, 0U);
    EXPECT_NE(send(file, Operation::Call, {7}).file_badge, 0U);
    EXPECT_EQ(server_.open_files(), 2U);
}

TEST_F(ServerTest, SubscribersAreSignalledWhenAWantedStateBegins) {
    const std::uint64_t file = open(5);
    const auto readable = static_cast<std::uint64_t>(EventMask::Readable);
    EXPECT_EQ(send(file, Operation::Event, {readable}, {}, 77).registers[0], 0U);
    FakeFile& fake = *scheme_.files[0];
    fake.state = EventMask::Writable;
    fake.notify();
    EXPECT_TRUE(transport_.signals.empty()) << "not wanted";
    fake.state = EventMask::Writable | EventMask::Readable;
    fake.notify();
    fake.notify();
    EXPECT_EQ(transport_.signals, std::vector<abi::CapabilityIndex>{77}) << "once per beginning";
    fake.state = EventMask::None;
    fake.notify();
    fake.state = EventMask::Readable;
    fake.notify();
    EXPECT_EQ(transport_.signals.size(), 2U);
    EXPECT_EQ(send(file, Operation::Event).registers[0], readable) << "only asked";
}

TEST_F(ServerTest, ALaterSubscriptionReplacesTheEarlier) {
    const std::uint64_t file = open(5);
    send(file, Operation::Event, {1}, {}, 77);
    send(file, Operation::Event, {1}, {}, 78);
    EXPECT_EQ(transport_.dropped.count(77), 1U);
    send(file, Operation::Close);
    EXPECT_EQ(transport_.dropped.count(78), 1U);
}

TEST_F(ServerTest, UnwantedCapabilitiesAreDropped) {
    const std::uint64_t file = open(5);
    send(file, Operation::Read, {0, 1}, {}, 90);
    EXPECT_EQ(transport_.dropped.count(90), 1U);
}

TEST_F(ServerTest, AClientsEndClosesItsFilesAndNoOthers) {
    open(5);
    open(6);
    open(5);
    EXPECT_EQ(send(make_badge(6, 0), Operation::ClientGone, {5}).error, Error::NotSupported)
        << "only init may say that";
    EXPECT_EQ(send(0, Operation::ClientGone, {5}).error, Error::Ok);
    EXPECT_TRUE(scheme_.files[0]->is_closed);
    EXPECT_FALSE(scheme_.files[1]->is_closed);
    EXPECT_TRUE(scheme_.files[2]->is_closed);
    EXPECT_EQ(server_.open_files(), 1U);
}

TEST_F(ServerTest, OneClientCannotTakeAllFiles) {
    for (std::size_t i = 0; i < kMaximumFilesPerClient; ++i) {
        open(5);
    }
    EXPECT_EQ(send(make_badge(5, 0), Operation::Open, {0, 4}, "file").error, Error::TooLarge);
    open(6);
}

TEST_F(ServerTest, NotificationsReachTheSchemeAndAreNotAnswered) {
    Request request{0, abi::kNotificationLabel, {6}, {}, 0};
    Reply reply;
    EXPECT_FALSE(server_.handle(request, reply));
    EXPECT_EQ(scheme_.notifications, 6U);
}

}  // namespace
}  // namespace redoubt::scheme
