// What a scheme implements: files, and the scheme itself that opens them. Nothing here knows of
// system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string_view>

#include "abi/error.hpp"
#include "abi/scheme.hpp"

namespace redoubt::scheme {

using abi::Error;
using abi::scheme::EventMask;
using abi::scheme::FileKind;
using abi::scheme::OpenFlags;

template <class T>
using Expected = std::expected<T, Error>;

constexpr EventMask operator|(EventMask a, EventMask b) {
    return static_cast<EventMask>(static_cast<std::uint64_t>(a) | static_cast<std::uint64_t>(b));
}
constexpr EventMask operator&(EventMask a, EventMask b) {
    return static_cast<EventMask>(static_cast<std::uint64_t>(a) & static_cast<std::uint64_t>(b));
}
constexpr EventMask operator~(EventMask a) {
    return static_cast<EventMask>(~static_cast<std::uint64_t>(a));
}
constexpr bool has(OpenFlags set, OpenFlags bit) {
    return (static_cast<std::uint64_t>(set) & static_cast<std::uint64_t>(bit)) != 0;
}

struct FileStatus {
    std::uint64_t size = 0;
    FileKind kind = FileKind::Regular;
};

class File;

/// Answer of File::call: up to two words, and a new file for the caller if the call makes one.
struct CallResult {
    std::uint64_t value0 = 0;
    std::uint64_t value1 = 0;
    std::shared_ptr<File> file;
};

/// The server's side of event subscriptions, told when a file's states may have changed.
class StateObserver {
  public:
    virtual void state_changed(File& file) = 0;

  protected:
    ~StateObserver() = default;
};

/// One open file. Every operation answers at once: a stream that has nothing says WouldBlock and
/// reports the change later through notify().
class File {
  public:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    virtual ~File() = default;

    virtual Expected<std::size_t> read(std::uint64_t offset, std::span<std::byte> out);
    virtual Expected<std::size_t> write(std::uint64_t offset, std::span<const std::byte> bytes);
    virtual Expected<CallResult> call(std::uint64_t code, std::uint64_t argument,
                                      std::span<const std::byte> bytes);
    virtual Expected<std::size_t> list(std::uint64_t offset, std::span<std::byte> out);
    virtual FileStatus status() const = 0;
    /// The states that hold now.
    virtual EventMask ready() const { return EventMask::Readable | EventMask::Writable; }
    /// The client closed it or is gone. The object dies when nobody else holds it.
    virtual void closed() {}

    /// To be called after anything that may have changed ready().
    void notify() {
        if (observer_ != nullptr) {
            observer_->state_changed(*this);
        }
    }

  private:
    friend class Server;
    StateObserver* observer_ = nullptr;
    std::uint64_t id_ = 0;  ///< of the server's table, while it is open there
};

class Scheme {
  public:
    virtual ~Scheme() = default;
    virtual Expected<std::shared_ptr<File>> open(std::uint64_t client, OpenFlags flags,
                                                 std::string_view path) = 0;
    /// The process's bound notification was signalled (interrupts).
    virtual void notified(std::uint64_t bits);
    /// Called after each request or notification was dealt with.
    virtual void idle() {}
};

/// Copies the part of `text` that a read at `offset` asks for.
std::size_t copy_text(std::string_view text, std::uint64_t offset, std::span<std::byte> out);

}  // namespace redoubt::scheme
