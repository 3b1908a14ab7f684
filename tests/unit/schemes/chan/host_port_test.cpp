// The host's streams end in sockets: what the host sends a process reads, and the other way round.
#include "schemes/chan/host_port.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/chan/mux_frames.hpp"

namespace redoubt::chan {
namespace {

using abi::scheme::ChannelCall;
using scheme::OpenFlags;
using test::bytes_of;
using test::frame;
using test::Frame;
using test::read_text;
using test::take_output;

class HostPortTest : public testing::Test {
  protected:
    void SetUp() override {
        listener_ = *scheme_.open(1, OpenFlags::Listen, "/run/vmmd.sock");
        host(1, FrameType::Open, "/run/vmmd.sock");
        EXPECT_EQ(take_output(port_.mux()).front(), (Frame{1, FrameType::Opened, ""}));
        process_ = listener_->call(static_cast<std::uint64_t>(ChannelCall::Accept), 0, {})->file;
    }
    void host(StreamId stream, FrameType type, std::string_view payload = {}) {
        port_.mux().receive(bytes_of(frame(stream, type, payload)));
        port_.pump();
    }
    /// Plays the host that takes everything at once and grants as much again.
    std::size_t take_data() {
        std::size_t total = 0;
        port_.pump();
        for (const Frame& sent : take_output(port_.mux())) {
            if (sent.type == FrameType::Data) {
                total += sent.payload.size();
            }
        }
        host(1, FrameType::Window, test::word(static_cast<std::uint32_t>(total)));
        return total;
    }

    ChannelScheme scheme_;
    HostPort port_{scheme_};
    std::shared_ptr<scheme::File> listener_, process_;
};

TEST_F(HostPortTest, CarriesDataBothWays) {
    host(1, FrameType::Data, "hello");
    EXPECT_EQ(read_text(*process_), "hello");
    ASSERT_EQ(process_->write(0, bytes_of("answer")), 6U);
    port_.pump();
    EXPECT_EQ(take_output(port_.mux()), (std::vector<Frame>{{1, FrameType::Data, "answer"}}));
}

TEST_F(HostPortTest, CloseTravelsFromTheHost) {
    host(1, FrameType::Data, "last words");
    host(1, FrameType::Close);
    EXPECT_EQ(read_text(*process_), "last words");
    EXPECT_EQ(process_->write(0, bytes_of("x")).error(), scheme::Error::EndOfFile);
}

TEST_F(HostPortTest, CloseTravelsToTheHostBehindTheData) {
    ASSERT_EQ(process_->write(0, bytes_of("bye")), 3U);
    process_->closed();
    port_.pump();
    EXPECT_EQ(take_output(port_.mux()),
              (std::vector<Frame>{{1, FrameType::Data, "bye"}, {1, FrameType::Close, ""}}));
}

TEST_F(HostPortTest, AProcessThatDoesNotReadHoldsTheHostBack) {
    const std::string block(kMaximumPayload, 'x');
    for (std::size_t sent = 0; sent < kInitialCredit; sent += block.size()) {
        host(1, FrameType::Data, block);
    }
    take_output(port_.mux());
    host(1, FrameType::Data, "");
    EXPECT_EQ(port_.mux().streams(), 1U);
    std::size_t read = 0;
    while (read < kInitialCredit) {
        read += read_text(*process_).size();
        port_.pump();
    }
    EXPECT_EQ(read, kInitialCredit);
}

TEST_F(HostPortTest, AMegabyteReachesTheHostThroughItsWindow) {
    const std::string data(1 << 20, 'm');
    std::size_t written = 0, taken = 0;
    while (taken < data.size()) {
        if (const auto count = process_->write(0, bytes_of(data).subspan(written))) {
            written += *count;
        }
        taken += take_data();
    }
    EXPECT_EQ(taken, data.size());
}

TEST_F(HostPortTest, AHostThatVanishesHangsUp) {
    port_.mux().stop();
    port_.pump();
    EXPECT_EQ(process_->write(0, bytes_of("x")).error(), scheme::Error::EndOfFile);
}

}  // namespace
}  // namespace redoubt::chan
