// See mux.hpp.
#include "schemes/chan/mux.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace redoubt::chan {

namespace {

std::uint32_t load_word(const std::byte* bytes) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
        value |= std::to_integer<std::uint32_t>(bytes[i]) << 8 * i;
    }
    return value;
}

void store_word(std::byte* bytes, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) {
        bytes[i] = static_cast<std::byte>(value >> 8 * i);
    }
}

/// Credit is given back in pieces of this size, not byte by byte.
constexpr std::uint32_t kGrantSize = 16 * 1024;

}  // namespace

void Mux::restart() {
    stop();
    hello_expected_ = true;
    emit_word(0, FrameType::Hello, kMuxVersion);
}

void Mux::stop() {
    drop_all_streams();
    input_.clear();
    skip_ = 0;
    output_.clear();
    output_taken_ = 0;
    hello_expected_ = false;
}

void Mux::receive(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (skip_ != 0) {
            const std::size_t count = std::min(skip_, bytes.size());
            skip_ -= count;
            bytes = bytes.subspan(count);
            continue;
        }
        if (input_.size() < kFrameHeader) {
            const std::size_t count = std::min(kFrameHeader - input_.size(), bytes.size());
            input_.insert(input_.end(), bytes.begin(), bytes.begin() + count);
            bytes = bytes.subspan(count);
            if (input_.size() < kFrameHeader) {
                return;
            }
        }
        const StreamId id = load_word(input_.data());
        const std::uint8_t type = std::to_integer<std::uint8_t>(input_[4]);
        const std::size_t length = load_word(input_.data() + 8);
        if (length > kMaximumPayload) {
            input_.clear();
            skip_ = length;
            if (streams_.contains(id)) {
                emit(id, FrameType::Close, {});
                drop_stream(id);
            }
            continue;
        }
        const std::size_t missing = kFrameHeader + length - input_.size();
        const std::size_t count = std::min(missing, bytes.size());
        input_.insert(input_.end(), bytes.begin(), bytes.begin() + count);
        bytes = bytes.subspan(count);
        if (count < missing) {
            return;
        }
        // The handlers may restart the machine, which clears input_; so take the frame out first.
        const std::vector<std::byte> complete = std::exchange(input_, {});
        frame(id, type, std::span(complete).subspan(kFrameHeader));
    }
}

void Mux::frame(StreamId id, std::uint8_t type, std::span<const std::byte> payload) {
    switch (static_cast<FrameType>(type)) {
        case FrameType::Open:
            return opened(id, payload);
        case FrameType::Data:
            return data(id, payload);
        case FrameType::Close:
            return drop_stream(id);
        case FrameType::Window:
            return window(id, payload);
        case FrameType::Hello:
            return hello();
        case FrameType::Opened:
        case FrameType::Refused:
            break;  // only the host opens streams
    }
}

void Mux::opened(StreamId id, std::span<const std::byte> name) {
    if (streams_.contains(id)) {
        emit(id, FrameType::Close, {});
        drop_stream(id);
        return;
    }
    if (streams_.size() >= kMaximumStreams) {
        emit(id, FrameType::Refused, {});
        return;
    }
    streams_.emplace(id, Stream{});
    const std::string_view text(reinterpret_cast<const char*>(name.data()), name.size());
    if (peer_.open_stream(id, text)) {
        emit(id, FrameType::Opened, {});
        peer_.stream_writable(id);
    } else {
        streams_.erase(id);
        emit(id, FrameType::Refused, {});
    }
}

void Mux::data(StreamId id, std::span<const std::byte> payload) {
    const auto position = streams_.find(id);
    if (position == streams_.end()) {
        // A stream we closed may still have data under way; the host has been told already.
        return;
    }
    if (payload.size() > position->second.receive_credit) {
        emit(id, FrameType::Close, {});
        drop_stream(id);
        return;
    }
    position->second.receive_credit -= static_cast<std::uint32_t>(payload.size());
    peer_.stream_data(id, payload);
}

void Mux::window(StreamId id, std::span<const std::byte> payload) {
    const auto position = streams_.find(id);
    if (position == streams_.end() || payload.size() < 4) {
        return;
    }
    std::uint32_t& credit = position->second.send_credit;
    const std::uint32_t granted = load_word(payload.data());
    credit = granted > UINT32_MAX - credit ? UINT32_MAX : credit + granted;
    peer_.stream_writable(id);
}

void Mux::hello() {
    drop_all_streams();
    if (!std::exchange(hello_expected_, false)) {
        emit_word(0, FrameType::Hello, kMuxVersion);
    }
}

std::size_t Mux::send(StreamId stream, std::span<const std::byte> bytes) {
    const auto position = streams_.find(stream);
    if (position == streams_.end()) {
        return 0;
    }
    std::size_t sent = 0;
    while (sent < bytes.size() && accepts_input()) {
        const std::size_t count =
            std::min({bytes.size() - sent, kMaximumPayload,
                      static_cast<std::size_t>(position->second.send_credit)});
        if (count == 0) {
            break;
        }
        position->second.send_credit -= static_cast<std::uint32_t>(count);
        emit(stream, FrameType::Data, bytes.subspan(sent, count));
        sent += count;
    }
    return sent;
}

std::size_t Mux::sendable(StreamId stream) const {
    const auto position = streams_.find(stream);
    return position == streams_.end() || !accepts_input() ? 0 : position->second.send_credit;
}

void Mux::close(StreamId stream) {
    if (streams_.erase(stream) != 0) {
        emit(stream, FrameType::Close, {});
    }
}

void Mux::consumed(StreamId stream, std::size_t bytes) {
    const auto position = streams_.find(stream);
    if (position == streams_.end()) {
        return;
    }
    Stream& state = position->second;
    state.ungranted += static_cast<std::uint32_t>(bytes);
    if (state.ungranted >= kGrantSize) {
        const std::uint32_t granted = std::exchange(state.ungranted, 0);
        state.receive_credit += granted;
        emit_word(stream, FrameType::Window, granted);
    }
}

std::span<const std::byte> Mux::output() const { return std::span(output_).subspan(output_taken_); }

void Mux::drop_output(std::size_t bytes) {
    output_taken_ += std::min(bytes, output_.size() - output_taken_);
    if (output_taken_ == output_.size()) {
        output_.clear();
        output_taken_ = 0;
    } else if (output_taken_ >= kOutputLimit) {
        output_.erase(output_.begin(),
                      output_.begin() + static_cast<std::ptrdiff_t>(output_taken_));
        output_taken_ = 0;
    }
}

void Mux::drop_stream(StreamId id) {
    if (streams_.erase(id) != 0) {
        peer_.stream_closed(id);
    }
}

void Mux::drop_all_streams() {
    while (!streams_.empty()) {
        drop_stream(streams_.begin()->first);
    }
}

void Mux::emit(StreamId id, FrameType type, std::span<const std::byte> payload) {
    std::array<std::byte, kFrameHeader> header{};
    store_word(header.data(), id);
    header[4] = static_cast<std::byte>(type);
    store_word(header.data() + 8, static_cast<std::uint32_t>(payload.size()));
    output_.insert(output_.end(), header.begin(), header.end());
    output_.insert(output_.end(), payload.begin(), payload.end());
}

void Mux::emit_word(StreamId id, FrameType type, std::uint32_t word) {
    std::array<std::byte, 4> payload;
    store_word(payload.data(), word);
    emit(id, type, payload);
}

}  // namespace redoubt::chan
