// The console: scheme: named streams that share one serial line.
//
//   console:NAME  what is written is shown on the line: as it is while this is the only stream,
//   else as whole lines with
//                 "NAME| " before each. What is typed goes to the stream opened last.
//                 A stream with a port of its own (PortLine) leaves the line as soon as that is
//                 found.
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

/// A line that one stream has to itself. Nothing here waits; ports_changed() tells of changes.
class PortLine {
  public:
    virtual ~PortLine() = default;
    virtual bool found() const = 0;  ///< the machine has it; never false again
    virtual bool has_room() const = 0;
    /// Returns how much was taken.
    virtual std::size_t send(std::span<const std::byte> bytes) = 0;
    virtual std::size_t receive(std::span<std::byte> out) = 0;
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
    /// Something happened at the streams' own ports.
    void ports_changed();

  protected:
    /// Where the stream's own port is looked for; null: nowhere.
    virtual std::unique_ptr<PortLine> open_port(std::string_view) { return nullptr; }

  private:
    friend class ConsoleStream;
    friend class LogStream;
    void show(const ConsoleStream& stream, std::string_view bytes);
    void show_line(std::string_view line);
    void remove(const ConsoleStream& stream);
    void break_line();

    SerialLine& line_;
    std::vector<ConsoleStream*> streams_;  ///< on the line, in the order in which they were opened
    std::vector<ConsoleStream*> port_streams_;  ///< those that left it for their ports
    bool in_line_ = false;                      ///< the last byte sent raw did not end a line
};

class ConsoleStream final : public scheme::File {
  public:
    ConsoleStream(ConsoleScheme& console, std::string name, std::unique_ptr<PortLine> port)
        : console_(console), name_(std::move(name)), port_(std::move(port)) {}

    scheme::Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override;
    scheme::Expected<std::size_t> write(std::uint64_t offset,
                                        std::span<const std::byte> bytes) override;
    scheme::FileStatus status() const override;
    scheme::EventMask ready() const override;
    void closed() override;

  private:
    friend class ConsoleScheme;
    void take_port_input();
    static constexpr std::size_t kInputBuffer = 4096;

    ConsoleScheme& console_;
    std::string name_;
    std::unique_ptr<PortLine> port_;
    bool on_port_ = false;
    scheme::RingBuffer input_{kInputBuffer};
    std::string partial_;  ///< the unfinished line while several streams share the console
};

}  // namespace redoubt::console
