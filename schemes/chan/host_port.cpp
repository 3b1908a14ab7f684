// See host_port.hpp.
#include "schemes/chan/host_port.hpp"

#include <array>
#include <utility>

namespace redoubt::chan {

HostPort::~HostPort() {
    for (auto& [id, stream] : streams_) {
        stream.end->closed();
    }
}

bool HostPort::open_stream(StreamId id, std::string_view name) {
    auto end = scheme_.connect(name);
    if (!end) {
        return false;
    }
    (*end)->on_change([this, id] { changed_.insert(id); });
    streams_.emplace(id, Stream{std::move(*end), {}});
    return true;
}

void HostPort::stream_data(StreamId id, std::span<const std::byte> bytes) {
    auto& waiting = streams_.at(id).undelivered;
    waiting.insert(waiting.end(), bytes.begin(), bytes.end());
    changed_.insert(id);
}

void HostPort::stream_closed(StreamId id) {
    const auto position = streams_.find(id);
    if (position == streams_.end()) {
        return;
    }
    Stream stream = std::move(position->second);
    streams_.erase(position);
    // What the host sent before it closed still reaches the process, as far as the socket has room.
    to_socket(id, stream);
    stream.end->closed();
}

void HostPort::pump() {
    if (held_back_ && mux_.accepts_input()) {
        held_back_ = false;
        for (const auto& [id, stream] : streams_) {
            changed_.insert(id);
        }
    }
    while (!changed_.empty()) {
        const StreamId id = *changed_.begin();
        changed_.erase(changed_.begin());
        const auto position = streams_.find(id);
        if (position != streams_.end() && !pump_stream(id, position->second)) {
            const Stream stream = std::move(position->second);
            streams_.erase(position);
            stream.end->closed();
            mux_.close(id);
        }
    }
}

bool HostPort::pump_stream(StreamId id, Stream& stream) {
    return to_socket(id, stream) && to_host(id, stream);
}

bool HostPort::to_socket(StreamId id, Stream& stream) {
    if (stream.undelivered.empty()) {
        return true;
    }
    const auto taken = stream.end->write(0, stream.undelivered);
    if (!taken) {
        // With the reader gone there may still be something of it to be read.
        if (taken.error() != scheme::Error::WouldBlock) {
            mux_.consumed(id, stream.undelivered.size());
            stream.undelivered.clear();
        }
        return true;
    }
    stream.undelivered.erase(stream.undelivered.begin(),
                             stream.undelivered.begin() + static_cast<std::ptrdiff_t>(*taken));
    mux_.consumed(id, *taken);
    return true;
}

bool HostPort::to_host(StreamId id, Stream& stream) {
    std::array<std::byte, kMaximumPayload> buffer;
    for (;;) {
        const std::size_t room = mux_.sendable(id);
        if (room == 0) {
            held_back_ = held_back_ || !mux_.accepts_input();
            return true;
        }
        const auto count =
            stream.end->read(0, std::span(buffer).first(std::min(room, buffer.size())));
        if (!count) {
            return count.error() == scheme::Error::WouldBlock;
        }
        mux_.send(id, std::span(buffer).first(*count));
    }
}

}  // namespace redoubt::chan
