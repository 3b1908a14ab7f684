// chan: sockets by path, streams with back-pressure, half close and hang-up.
#include "schemes/chan/channel.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/bytes.hpp"

namespace redoubt::chan {
namespace {

using abi::scheme::ChannelCall;
using scheme::Error;
using scheme::EventMask;
using scheme::OpenFlags;
using scheme::operator&;
using test::bytes_of;
using test::read_text;

constexpr std::uint64_t kAccept = static_cast<std::uint64_t>(ChannelCall::Accept);
constexpr std::uint64_t kShutdown = static_cast<std::uint64_t>(ChannelCall::Shutdown);

bool is(EventMask mask, EventMask bit) { return (mask & bit) != EventMask::None; }

class ChannelTest : public testing::Test {
  protected:
    void SetUp() override {
        listener_ = *scheme_.open(1, OpenFlags::Listen, "/run/x.sock");
        near_ = *scheme_.open(2, OpenFlags::None, "run/x.sock");
        far_ = listener_->call(kAccept, 0, {})->file;
    }

    ChannelScheme scheme_;
    std::shared_ptr<scheme::File> listener_, near_, far_;
};

TEST_F(ChannelTest, ConnectedEndsTalkBothWays) {
    EXPECT_EQ(near_->write(0, bytes_of("ping")), 4U);
    EXPECT_EQ(read_text(*far_), "ping");
    EXPECT_EQ(far_->write(0, bytes_of("pong")), 4U);
    EXPECT_EQ(read_text(*near_), "pong");
    EXPECT_EQ(read_text(*near_), "error 12") << "WouldBlock";
}

TEST_F(ChannelTest, AListenerIsReadableWhileSomebodyWaits) {
    EXPECT_FALSE(is(listener_->ready(), EventMask::Readable));
    EXPECT_EQ(listener_->call(kAccept, 0, {}).error(), Error::WouldBlock);
    ASSERT_TRUE(scheme_.open(2, OpenFlags::None, "run/x.sock"));
    EXPECT_TRUE(is(listener_->ready(), EventMask::Readable));
}

TEST_F(ChannelTest, OneNameHasOneListenerUntilItCloses) {
    EXPECT_EQ(scheme_.open(3, OpenFlags::Listen, "run//x.sock").error(), Error::Exists);
    listener_->closed();
    EXPECT_EQ(scheme_.open(2, OpenFlags::None, "run/x.sock").error(), Error::Refused);
    EXPECT_TRUE(scheme_.open(3, OpenFlags::Listen, "run/x.sock"));
    EXPECT_EQ(scheme_.open(2, OpenFlags::None, "other").error(), Error::Refused);
    EXPECT_EQ(scheme_.open(2, OpenFlags::Listen, "").error(), Error::InvalidArgument);
}

TEST_F(ChannelTest, AFullStreamTellsItsWriterToWait) {
    const std::string much(kStreamBuffer + 1000, 'x');
    EXPECT_EQ(near_->write(0, bytes_of(much)), kStreamBuffer);
    EXPECT_EQ(near_->write(0, bytes_of("y")).error(), Error::WouldBlock);
    EXPECT_FALSE(is(near_->ready(), EventMask::Writable));
    EXPECT_EQ(read_text(*far_, 0, 100).size(), 100U);
    EXPECT_TRUE(is(near_->ready(), EventMask::Writable));
    EXPECT_EQ(near_->write(0, bytes_of(much)), 100U);
}

TEST_F(ChannelTest, HalfCloseEndsOneDirection) {
    EXPECT_EQ(near_->write(0, bytes_of("last")), 4U);
    ASSERT_TRUE(near_->call(kShutdown, 1, {}));
    EXPECT_EQ(near_->write(0, bytes_of("more")).error(), Error::EndOfFile);
    EXPECT_EQ(read_text(*far_), "last");
    EXPECT_EQ(read_text(*far_), "error 18") << "EndOfFile";
    EXPECT_FALSE(is(far_->ready(), EventMask::HangUp));
    EXPECT_EQ(far_->write(0, bytes_of("answer")), 6U);
    EXPECT_EQ(read_text(*near_), "answer");
}

TEST_F(ChannelTest, ClosingHangsUpButDeliversWhatWasWritten) {
    EXPECT_EQ(near_->write(0, bytes_of("bye")), 3U);
    near_->closed();
    EXPECT_TRUE(is(far_->ready(), EventMask::HangUp));
    EXPECT_TRUE(is(far_->ready(), EventMask::Readable));
    EXPECT_EQ(far_->write(0, bytes_of("x")).error(), Error::EndOfFile);
    EXPECT_EQ(read_text(*far_), "bye");
    EXPECT_EQ(read_text(*far_), "error 18") << "EndOfFile";
}

TEST_F(ChannelTest, ClosingAListenerHangsUpOnThoseWhoWait) {
    const auto waiting = *scheme_.open(2, OpenFlags::None, "run/x.sock");
    listener_->closed();
    EXPECT_TRUE(is(waiting->ready(), EventMask::HangUp));
    EXPECT_EQ(near_->write(0, bytes_of("x")), 1U) << "accepted streams live on";
}

TEST_F(ChannelTest, TheBacklogIsBounded) {
    for (std::size_t i = 0; i < kMaximumBacklog; ++i) {
        ASSERT_TRUE(scheme_.open(2, OpenFlags::None, "run/x.sock"));
    }
    EXPECT_EQ(scheme_.open(2, OpenFlags::None, "run/x.sock").error(), Error::Busy);
}

}  // namespace
}  // namespace redoubt::chan
