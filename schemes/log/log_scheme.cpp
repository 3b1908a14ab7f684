// See log_scheme.hpp.
#include "schemes/log/log_scheme.hpp"

#include <cinttypes>
#include <cstdio>
#include <utility>

namespace redoubt::log {

using scheme::Error;
using scheme::Expected;
using scheme::FileKind;

namespace {

/// What one process writes; a line appears when it is complete.
class Writer final : public scheme::File {
  public:
    Writer(LogScheme& log, std::string name) : log_(log), name_(std::move(name)) {}

    Expected<std::size_t> write(std::uint64_t, std::span<const std::byte> bytes) override {
        for (const std::byte byte : bytes) {
            const char c = static_cast<char>(byte);
            if (c == '\n') {
                flush();
            } else if (c != '\r') {
                line_.push_back(c);
                if (line_.size() == kLongestLine) {
                    flush();
                }
            }
        }
        return bytes.size();
    }
    scheme::EventMask ready() const override { return scheme::EventMask::Writable; }
    scheme::FileStatus status() const override { return {0, FileKind::Stream}; }
    void closed() override {
        if (!line_.empty()) {
            flush();
        }
    }

  private:
    void flush() { log_.add_line(name_, std::exchange(line_, {})); }

    LogScheme& log_;
    std::string name_;
    std::string line_;
};

class History final : public scheme::File {
  public:
    explicit History(const LogScheme& log) : log_(log) {}

    Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
        return log_.history().peek(offset, out);
    }
    scheme::FileStatus status() const override {
        return {log_.history().size(), FileKind::Regular};
    }

  private:
    const LogScheme& log_;
};

/// Control characters would let one process draw over the others' lines.
std::string printable(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) {
            c = '?';
        }
    }
    return result;
}

}  // namespace

Expected<std::shared_ptr<scheme::File>> LogScheme::open(std::uint64_t client, scheme::OpenFlags,
                                                        std::string_view path) {
    if (path == "ring") {
        return std::make_shared<History>(*this);
    }
    std::string name = printable(path.substr(0, 32));
    if (name.empty()) {
        name = "process " + std::to_string(client);
    }
    return std::make_shared<Writer>(*this, std::move(name));
}

void LogScheme::add_line(std::string_view name, std::string_view line) {
    const std::uint64_t now = clock_();
    char stamp[32];
    std::snprintf(stamp, sizeof(stamp), "[%5" PRIu64 ".%06" PRIu64 "] ", now / 1'000'000,
                  now % 1'000'000);
    std::string text(stamp);
    // Many programs begin their lines with their name, as they do on any other system.
    if (!(line.starts_with(name) && line.substr(name.size()).starts_with(": "))) {
        text += name;
        text += ": ";
    }
    text += printable(line);
    text += '\n';
    history_.push_over(std::as_bytes(std::span(text)));
    output_(text);
}

}  // namespace redoubt::log
