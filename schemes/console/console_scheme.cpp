// See console_scheme.hpp.
#include "schemes/console/console_scheme.hpp"

#include <algorithm>
#include <utility>

namespace redoubt::console {

using scheme::Error;
using scheme::EventMask;
using scheme::Expected;
using scheme::FileKind;
using scheme::operator|;

namespace {

constexpr std::size_t kLongestLine = 512;

std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

/// The log's lines, which come whole.
class LogStream final : public scheme::File {
  public:
    explicit LogStream(ConsoleScheme& console) : console_(console) {}

    Expected<std::size_t> write(std::uint64_t, std::span<const std::byte> bytes) override {
        console_.show_line(as_text(bytes));
        return bytes.size();
    }
    EventMask ready() const override { return EventMask::Writable; }
    scheme::FileStatus status() const override { return {0, FileKind::Stream}; }

  private:
    ConsoleScheme& console_;
};

Expected<std::shared_ptr<scheme::File>> ConsoleScheme::open(std::uint64_t, scheme::OpenFlags,
                                                            std::string_view path) {
    if (path == "log") {
        return std::make_shared<LogStream>(*this);
    }
    if (path.empty() || path.size() > 64) {
        return std::unexpected(Error::NotFound);
    }
    auto stream = std::make_shared<ConsoleStream>(*this, std::string(path), open_port(path));
    streams_.push_back(stream.get());
    return stream;
}

void ConsoleScheme::receive(std::span<const std::byte> bytes) {
    if (!streams_.empty()) {
        streams_.back()->input_.push(bytes);
        streams_.back()->notify();
    }
}

void ConsoleScheme::ports_changed() {
    for (ConsoleStream* stream : std::vector(streams_)) {
        if (stream->port_ != nullptr && stream->port_->found()) {
            stream->on_port_ = true;
            std::erase(streams_, stream);
            port_streams_.push_back(stream);
        }
    }
    for (ConsoleStream* stream : port_streams_) {
        stream->take_port_input();
        stream->notify();
    }
}

void ConsoleScheme::show(const ConsoleStream& stream, std::string_view bytes) {
    if (bytes.empty()) {
        return;
    }
    if (streams_.size() == 1) {
        line_.send(bytes);
        in_line_ = bytes.back() != '\n' && bytes.back() != '\r';
        return;
    }
    show_line(stream.name_ + "| " + std::string(bytes));
}

void ConsoleScheme::show_line(std::string_view line) {
    break_line();
    std::string text;
    for (const char c : line) {
        if (c == '\n') {
            text += '\r';
        }
        text += c;
    }
    line_.send(text);
}

void ConsoleScheme::break_line() {
    if (std::exchange(in_line_, false)) {
        line_.send("\r\n");
    }
}

void ConsoleScheme::remove(const ConsoleStream& stream) {
    std::erase(streams_, &stream);
    std::erase(port_streams_, &stream);
}

Expected<std::size_t> ConsoleStream::read(std::uint64_t, std::span<std::byte> out) {
    const std::size_t count = input_.pop(out);
    if (on_port_) {
        take_port_input();
    }
    if (count == 0 && !out.empty()) {
        return std::unexpected(Error::WouldBlock);
    }
    notify();
    return count;
}

Expected<std::size_t> ConsoleStream::write(std::uint64_t, std::span<const std::byte> bytes) {
    if (on_port_) {
        const std::size_t taken = port_->send(bytes);
        notify();
        if (taken == 0 && !bytes.empty()) {
            return std::unexpected(Error::WouldBlock);
        }
        return taken;
    }
    const std::string_view text = as_text(bytes);
    if (console_.streams_.size() == 1) {
        console_.show(*this, std::exchange(partial_, {}));
        console_.show(*this, text);
        return bytes.size();
    }
    for (const char c : text) {
        if (c == '\n' || partial_.size() >= kLongestLine) {
            partial_ += '\n';
            console_.show(*this, std::exchange(partial_, {}));
        }
        if (c != '\n' && c != '\r') {
            partial_ += c;
        }
    }
    return bytes.size();
}

scheme::FileStatus ConsoleStream::status() const { return {input_.size(), FileKind::Stream}; }

EventMask ConsoleStream::ready() const {
    const auto mask = input_.empty() ? EventMask::None : EventMask::Readable;
    return !on_port_ || port_->has_room() ? mask | EventMask::Writable : mask;
}

void ConsoleStream::take_port_input() {
    std::byte bytes[256];
    while (input_.room() >= sizeof(bytes)) {
        const std::size_t count = port_->receive(bytes);
        if (count == 0) {
            return;
        }
        input_.push(std::span(bytes).first(count));
    }
}

void ConsoleStream::closed() {
    if (!partial_.empty() && !on_port_) {
        console_.show(*this, partial_ + "\n");
    }
    console_.remove(*this);
}

}  // namespace redoubt::console
