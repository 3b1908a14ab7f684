// See channel.hpp.
#include "schemes/chan/channel.hpp"

#include <algorithm>
#include <utility>

namespace redoubt::chan {

using abi::scheme::ChannelCall;
using scheme::CallResult;
using scheme::Error;
using scheme::EventMask;
using scheme::Expected;
using scheme::operator|;
using scheme::has;

namespace {

constexpr std::size_t kMaximumPath = 108;  // of sockaddr_un

/// "/run//x" and "run/x" name the same socket.
std::string normalized(std::string_view path) {
    std::string result;
    for (const char c : path) {
        if (c == '/' && (result.empty() || result.back() == '/')) {
            continue;
        }
        result.push_back(c);
    }
    return result;
}

}  // namespace

std::pair<std::shared_ptr<StreamEnd>, std::shared_ptr<StreamEnd>> StreamEnd::make_pair() {
    auto first = std::make_shared<StreamEnd>();
    auto second = std::make_shared<StreamEnd>();
    first->peer_ = second;
    second->peer_ = first;
    return {std::move(first), std::move(second)};
}

Expected<std::size_t> StreamEnd::read(std::uint64_t, std::span<std::byte> out) {
    const std::size_t count = incoming_.pop(out);
    if (count == 0 && !out.empty()) {
        return std::unexpected(no_more_incoming_ ? Error::EndOfFile : Error::WouldBlock);
    }
    changed();
    if (const auto peer = peer_.lock()) {
        peer->changed();
    }
    return count;
}

Expected<std::size_t> StreamEnd::write(std::uint64_t, std::span<const std::byte> bytes) {
    const auto peer = peer_.lock();
    if (!peer || write_shut_) {
        return std::unexpected(Error::EndOfFile);
    }
    const std::size_t count = peer->incoming_.push(bytes);
    if (count == 0 && !bytes.empty()) {
        return std::unexpected(Error::WouldBlock);
    }
    peer->changed();
    changed();
    return count;
}

Expected<CallResult> StreamEnd::call(std::uint64_t code, std::uint64_t argument,
                                     std::span<const std::byte>) {
    if (static_cast<ChannelCall>(code) != ChannelCall::Shutdown) {
        return std::unexpected(Error::NotSupported);
    }
    if (argument != 1) {
        return std::unexpected(Error::InvalidArgument);
    }
    shut_down_writing();
    return CallResult{};
}

void StreamEnd::shut_down_writing() {
    write_shut_ = true;
    if (const auto peer = peer_.lock()) {
        peer->no_more_incoming_ = true;
        peer->changed();
    }
    changed();
}

scheme::FileStatus StreamEnd::status() const {
    return {incoming_.size(), scheme::FileKind::Stream};
}

EventMask StreamEnd::ready() const {
    EventMask mask = EventMask::None;
    const auto peer = peer_.lock();
    if (!incoming_.empty() || no_more_incoming_) {
        mask = mask | EventMask::Readable;
    }
    if (!peer) {
        mask = mask | EventMask::HangUp | EventMask::Writable;
    } else if (!write_shut_ && peer->incoming_.room() != 0) {
        mask = mask | EventMask::Writable;
    }
    return mask;
}

void StreamEnd::closed() {
    changed_ = nullptr;
    if (const auto peer = peer_.lock()) {
        peer->no_more_incoming_ = true;
        peer->peer_.reset();
        peer_.reset();
        peer->changed();
    }
}

void StreamEnd::changed() {
    notify();
    if (changed_) {
        changed_();
    }
}

Expected<CallResult> Listener::call(std::uint64_t code, std::uint64_t, std::span<const std::byte>) {
    if (static_cast<ChannelCall>(code) != ChannelCall::Accept) {
        return std::unexpected(Error::NotSupported);
    }
    if (waiting_.empty()) {
        return std::unexpected(Error::WouldBlock);
    }
    CallResult result{0, 0, std::move(waiting_.front())};
    waiting_.pop_front();
    notify();
    return result;
}

EventMask Listener::ready() const {
    return waiting_.empty() ? EventMask::None : EventMask::Readable;
}

void Listener::closed() {
    scheme_.listeners_.erase(path_);
    for (const auto& end : std::exchange(waiting_, {})) {
        end->closed();
    }
}

bool Listener::enqueue(std::shared_ptr<StreamEnd> end) {
    if (waiting_.size() >= kMaximumBacklog) {
        return false;
    }
    waiting_.push_back(std::move(end));
    notify();
    return true;
}

Expected<std::shared_ptr<scheme::File>> ChannelScheme::open(std::uint64_t, scheme::OpenFlags flags,
                                                            std::string_view path) {
    if (has(flags, scheme::OpenFlags::Listen)) {
        return listen(path);
    }
    return connect(path);
}

Expected<std::shared_ptr<scheme::File>> ChannelScheme::listen(std::string_view path) {
    std::string name = normalized(path);
    if (name.empty() || name.size() > kMaximumPath) {
        return std::unexpected(Error::InvalidArgument);
    }
    const auto [position, inserted] = listeners_.try_emplace(name);
    if (!inserted && !position->second.expired()) {
        return std::unexpected(Error::Exists);
    }
    auto listener = std::make_shared<Listener>(*this, std::move(name));
    position->second = listener;
    return listener;
}

Expected<std::shared_ptr<StreamEnd>> ChannelScheme::connect(std::string_view path) {
    const auto position = listeners_.find(normalized(path));
    const auto listener = position == listeners_.end() ? nullptr : position->second.lock();
    if (!listener) {
        return std::unexpected(Error::Refused);
    }
    auto [near, far] = StreamEnd::make_pair();
    if (!listener->enqueue(std::move(far))) {
        return std::unexpected(Error::Busy);
    }
    return std::move(near);
}

}  // namespace redoubt::chan
