// The console: scheme: named streams that share one serial line.
//
//   console:NAME  what is written is shown on the line: as it is while this is the only stream,
//   else as whole lines with
//                 "NAME| " before each. What is typed goes to the stream opened last.
//   console:log   whole lines of the system's log; it takes no input and does not count as a stream
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schemes/libscheme/file.hpp"
#include "schemes/libscheme/ring_buffer.hpp"

namespace redoubt::console {

/// The wire: sends everything before it returns.
class SerialLine {
  public:
    virtual ~SerialLine() = default;
    virtual void send(std::string_view bytes) = 0;
};

class ConsoleStream;

class ConsoleScheme : public scheme::Scheme {
  public:
    explicit ConsoleScheme(SerialLine& line) : line_(line) {}

    scheme::Expected<std::shared_ptr<scheme::File>> open(std::uint64_t client,
                                                         scheme::OpenFlags flags,
                                                         std::string_view path) override;
    /// Bytes that were typed.
    void receive(std::span<const std::byte> bytes);

  private:
    friend class ConsoleStream;
    friend class LogStream;
    void show(const ConsoleStream& stream, std::string_view bytes);
    void show_line(std::string_view line);
    void remove(const ConsoleStream& stream);
    void break_line();

    SerialLine& line_;
    std::vector<ConsoleStream*> streams_;  ///< in the order in which they were opened
    bool in_line_ = false;                 ///< the last byte sent raw did not end a line
};

class ConsoleStream final : public scheme::File {
  public:
    ConsoleStream(ConsoleScheme& console, std::string name)
        : console_(console), name_(std::move(name)) {}

    scheme::Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override;
    scheme::Expected<std::size_t> write(std::uint64_t offset,
                                        std::span<const std::byte> bytes) override;
    scheme::FileStatus status() const override;
    scheme::EventMask ready() const override;
    void closed() override;

  private:
    friend class ConsoleScheme;
    static constexpr std::size_t kInputBuffer = 4096;

    ConsoleScheme& console_;
    std::string name_;
    scheme::RingBuffer input_{kInputBuffer};
    std::string partial_;  ///< the unfinished line while several streams share the console
};

}  // namespace redoubt::console
