// The mux protocol: greeting, streams, credit, and whatever garbage the host may send.
#include "schemes/chan/mux.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/schemes/chan/mux_frames.hpp"

namespace redoubt::chan {
namespace {

using test::bytes_of;
using test::frame;
using test::Frame;
using test::take_output;
using test::word;

class FakePeer final : public MuxPeer {
  public:
    bool open_stream(StreamId stream, std::string_view name) override {
        log += "open " + std::to_string(stream) + " " + std::string(name) + "\n";
        return name == "/run/vmmd.sock";
    }
    void stream_data(StreamId stream, std::span<const std::byte> bytes) override {
        received += bytes.size();
        log += "data " + std::to_string(stream) + " " + test::text_of(bytes) + "\n";
    }
    void stream_closed(StreamId stream) override {
        log += "closed " + std::to_string(stream) + "\n";
    }
    void stream_writable(StreamId) override {}

    std::string log;
    std::size_t received = 0;
};

class MuxTest : public testing::Test {
  protected:
    void host(StreamId stream, FrameType type, std::string_view payload = {}) {
        mux_.receive(bytes_of(frame(stream, type, payload)));
    }
    void open(StreamId stream) {
        host(stream, FrameType::Open, "/run/vmmd.sock");
        EXPECT_EQ(take_output(mux_).back(), (Frame{stream, FrameType::Opened, ""}));
        peer_.log.clear();
    }

    FakePeer peer_;
    Mux mux_{peer_};
};

TEST_F(MuxTest, SaysHelloOnceAndAnswersAnUnexpectedOne) {
    mux_.restart();
    EXPECT_EQ(take_output(mux_), (std::vector<Frame>{{0, FrameType::Hello, word(1)}}));
    host(0, FrameType::Hello, word(1));
    EXPECT_TRUE(take_output(mux_).empty()) << "that was the answer";
    open(3);
    host(0, FrameType::Hello, word(1));
    EXPECT_EQ(peer_.log, "closed 3\n") << "the host started anew";
    EXPECT_EQ(take_output(mux_), (std::vector<Frame>{{0, FrameType::Hello, word(1)}}));
}

TEST_F(MuxTest, OpensAndRefuses) {
    host(1, FrameType::Open, "/run/vmmd.sock");
    host(2, FrameType::Open, "/run/other");
    EXPECT_EQ(take_output(mux_),
              (std::vector<Frame>{{1, FrameType::Opened, ""}, {2, FrameType::Refused, ""}}));
    EXPECT_EQ(mux_.streams(), 1U);
}

TEST_F(MuxTest, CarriesDataBothWays) {
    open(1);
    host(1, FrameType::Data, "ping");
    EXPECT_EQ(peer_.log, "data 1 ping\n");
    EXPECT_EQ(mux_.send(1, bytes_of("pong")), 4U);
    EXPECT_EQ(take_output(mux_), (std::vector<Frame>{{1, FrameType::Data, "pong"}}));
}

TEST_F(MuxTest, FramesMayArriveByteByByte) {
    const std::string text =
        frame(1, FrameType::Open, "/run/vmmd.sock") + frame(1, FrameType::Data, "x");
    for (const char& c : text) {
        mux_.receive(bytes_of(std::string_view(&c, 1)));
    }
    EXPECT_EQ(peer_.log, "open 1 /run/vmmd.sock\ndata 1 x\n");
}

TEST_F(MuxTest, SendsNoMoreThanItsCredit) {
    open(1);
    const std::string much(kInitialCredit + 5000, 'x');
    EXPECT_EQ(mux_.send(1, bytes_of(much)), kInitialCredit);
    for (const Frame& sent : take_output(mux_)) {
        EXPECT_LE(sent.payload.size(), kMaximumPayload);
    }
    EXPECT_EQ(mux_.sendable(1), 0U);
    host(1, FrameType::Window, word(100));
    EXPECT_EQ(mux_.send(1, bytes_of(much)), 100U);
    host(1, FrameType::Window, word(~0U));
    host(1, FrameType::Window, word(~0U));
    EXPECT_EQ(mux_.sendable(1), ~0U) << "credit does not wrap around";
}

TEST_F(MuxTest, GivesCreditBackInPieces) {
    open(1);
    mux_.consumed(1, 1000);
    EXPECT_TRUE(take_output(mux_).empty());
    mux_.consumed(1, 20000);
    EXPECT_EQ(take_output(mux_), (std::vector<Frame>{{1, FrameType::Window, word(21000)}}));
}

TEST_F(MuxTest, AHostThatExceedsItsCreditLosesTheStream) {
    open(1);
    const std::string block(kMaximumPayload, 'x');
    for (std::size_t sent = 0; sent < kInitialCredit; sent += block.size()) {
        host(1, FrameType::Data, block);
    }
    EXPECT_EQ(mux_.streams(), 1U);
    host(1, FrameType::Data, "x");
    EXPECT_EQ(mux_.streams(), 0U);
    EXPECT_EQ(take_output(mux_).back(), (Frame{1, FrameType::Close, ""}));
    EXPECT_EQ(peer_.received, kInitialCredit);
}

TEST_F(MuxTest, ClosesFromEitherSide) {
    open(1);
    open(2);
    host(1, FrameType::Close);
    EXPECT_EQ(peer_.log, "closed 1\n");
    EXPECT_TRUE(take_output(mux_).empty());
    mux_.close(2);
    EXPECT_EQ(take_output(mux_), (std::vector<Frame>{{2, FrameType::Close, ""}}));
    EXPECT_EQ(peer_.log, "closed 1\n") << "the local side knows";
    host(2, FrameType::Data, "late");
    host(2, FrameType::Close);
    EXPECT_TRUE(take_output(mux_).empty());
    open(2);
}

TEST_F(MuxTest, AnIdOpenedTwiceIsClosed) {
    open(1);
    host(1, FrameType::Open, "/run/vmmd.sock");
    EXPECT_EQ(take_output(mux_), (std::vector<Frame>{{1, FrameType::Close, ""}}));
    EXPECT_EQ(mux_.streams(), 0U);
}

TEST_F(MuxTest, SkipsOversizedAndUnknownFrames) {
    open(1);
    mux_.receive(bytes_of(word(1) + std::string("\x03\0\0\0", 4) + word(5000)));
    EXPECT_EQ(peer_.log, "closed 1\n");
    mux_.receive(bytes_of(std::string(5000, 'z')));
    host(7, static_cast<FrameType>(99), "what");
    open(2);
}

TEST_F(MuxTest, TheNumberOfStreamsIsBounded) {
    for (StreamId i = 1; i <= kMaximumStreams; ++i) {
        open(i);
    }
    host(9999, FrameType::Open, "/run/vmmd.sock");
    EXPECT_EQ(take_output(mux_).back(), (Frame{9999, FrameType::Refused, ""}));
}

TEST_F(MuxTest, OutputThatNobodyTakesStopsTheInput) {
    std::string refused;
    while (mux_.accepts_input()) {
        host(1, FrameType::Open, "nobody");
    }
    EXPECT_LT(mux_.output().size(), 300U * 1024);
    mux_.drop_output(mux_.output().size());
    EXPECT_TRUE(mux_.accepts_input());
}

TEST_F(MuxTest, GarbageDoesNoHarm) {
    std::mt19937 random(1);
    for (int i = 0; i < 2000; ++i) {
        std::string text(random() % 40, '\0');
        for (char& c : text) {
            c = static_cast<char>(random() % 3 == 0 ? random() : random() % 8);
        }
        mux_.receive(bytes_of(text));
        take_output(mux_);
    }
    mux_.restart();
    take_output(mux_);
    open(1);
}

}  // namespace
}  // namespace redoubt::chan
