// The protocol that carries many streams over the one port to the host (docs/schemes.md, "The
// host's port").
//
// A pure state machine: bytes from the port go into receive(), bytes for the port come out of
// output(). The local ends of streams are behind MuxPeer. Nothing the host sends can make it grow
// without bound or fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace redoubt::chan {

using StreamId = std::uint32_t;

enum class FrameType : std::uint8_t {
    Open = 1,
    Opened = 2,
    Data = 3,
    Close = 4,
    Window = 5,
    Refused = 6,
    Hello = 7,
};

inline constexpr std::size_t kFrameHeader = 12;  ///< u32 stream, u8 type, u8 zero[3], u32 length
inline constexpr std::size_t kMaximumPayload = 4096;
inline constexpr std::uint32_t kInitialCredit = 64 * 1024;
inline constexpr std::size_t kMaximumStreams = 256;
inline constexpr std::uint32_t kMuxVersion = 1;

/// The local side of the streams.
class MuxPeer {
  public:
    /// The host wants a stream to the socket `name`. False refuses.
    virtual bool open_stream(StreamId stream, std::string_view name) = 0;
    /// Never more bytes than were granted: kInitialCredit and what consumed() gave back.
    virtual void stream_data(StreamId stream, std::span<const std::byte> bytes) = 0;
    /// The stream is dead; its id may come again.
    virtual void stream_closed(StreamId stream) = 0;
    /// send() may take more now.
    virtual void stream_writable(StreamId stream) = 0;

  protected:
    ~MuxPeer() = default;
};

class Mux {
  public:
    explicit Mux(MuxPeer& peer) : peer_(peer) {}

    /// The host (re)connected: drops everything and says hello.
    void restart();
    /// The host is gone: all streams close, output is discarded.
    void stop();

    void receive(std::span<const std::byte> bytes);
    /// Sends data on a stream; returns how much credit and output space permitted.
    std::size_t send(StreamId stream, std::span<const std::byte> bytes);
    /// How much send() would take now.
    std::size_t sendable(StreamId stream) const;
    /// The local side closes the stream.
    void close(StreamId stream);
    /// The local side has consumed that much of stream_data(); the host may send as much again.
    void consumed(StreamId stream, std::size_t bytes);

    /// What waits for the port; drop_output() after it was taken.
    std::span<const std::byte> output() const;
    void drop_output(std::size_t bytes);
    /// False while so much output waits that no more input should be taken from the port.
    bool accepts_input() const { return output().size() < kOutputLimit; }
    std::size_t streams() const { return streams_.size(); }

  private:
    static constexpr std::size_t kOutputLimit = 256 * 1024;

    struct Stream {
        std::uint32_t send_credit = kInitialCredit;     ///< what we may still send
        std::uint32_t receive_credit = kInitialCredit;  ///< what the host may still send
        std::uint32_t ungranted = 0;                    ///< consumed, not yet granted again
    };

    void frame(StreamId id, std::uint8_t type, std::span<const std::byte> payload);
    void opened(StreamId id, std::span<const std::byte> name);
    void data(StreamId id, std::span<const std::byte> payload);
    void window(StreamId id, std::span<const std::byte> payload);
    void hello();
    void drop_stream(StreamId id);
    void drop_all_streams();
    void emit(StreamId id, FrameType type, std::span<const std::byte> payload);
    void emit_word(StreamId id, FrameType type, std::uint32_t word);

    MuxPeer& peer_;
    std::map<StreamId, Stream> streams_;
    std::vector<std::byte> input_;  ///< an incomplete frame
    std::size_t skip_ = 0;          ///< bytes of an oversized frame still to be ignored
    std::vector<std::byte> output_;
    std::size_t output_taken_ = 0;
    bool hello_expected_ = false;
};

}  // namespace redoubt::chan
