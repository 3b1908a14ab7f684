// The client side of one open scheme file, with what is known of its readiness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "abi/scheme.hpp"
#include "libhvcall/native/ipc.hpp"
#include "libposix/file/event_pump.hpp"
#include "libposix/file/file.hpp"

namespace redoubt::posix {

/// Owned by a File, whose watches it tells. Calls give up the process's lock while the server
/// answers.
class SchemeHandle final : private EventSource {
  public:
    explicit SchemeHandle(File& owner) : owner_(owner) {}
    ~SchemeHandle() { close(); }
    SchemeHandle(const SchemeHandle&) = delete;
    SchemeHandle& operator=(const SchemeHandle&) = delete;

    /// Opens `path` on a scheme's root: 0 or -errno.
    long open(native::Slot root, std::string_view path, abi::scheme::OpenFlags flags);
    /// Takes over a file capability that a server gave (accept).
    void adopt(native::Slot slot) { slot_ = slot; }
    void close();

    bool is_open() const { return slot_ != 0; }
    native::Slot slot() const { return slot_; }
    std::uint64_t size() const { return size_; }
    abi::scheme::FileKind kind() const { return kind_; }

    /// Asks the server for kind and size.
    long stat();

    /// One message each: bytes moved or -errno.
    long read(std::uint64_t offset, void* to, std::size_t size);
    long write(std::uint64_t offset, const void* from, std::size_t size);
    /// A Call without payload; a capability in the reply goes to `destination`.
    long control(abi::scheme::EventMask clears, std::uint64_t code, std::uint64_t mr2,
                 native::Slot destination);
    /// Text of a directory from `offset`; at most `size` bytes.
    long list(std::uint64_t offset, void* to, std::size_t size);

    /// EPOLL… states. Subscribes the first time; afterwards asks only if something happened.
    std::uint32_t readiness();

  private:
    void on_signal() override;
    long settle(abi::Error error, abi::scheme::EventMask blocked, std::uint64_t sequence);

    File& owner_;
    native::Slot slot_ = 0;
    std::uint64_t size_ = 0;
    abi::scheme::FileKind kind_ = abi::scheme::FileKind::Stream;
    bool subscribed_ = false;
    bool stale_ = true;           ///< ready_ must be asked for again
    std::uint64_t ready_ = 0;     ///< EventMask bits
    std::uint64_t sequence_ = 0;  ///< signals seen: tells whether one came during a call
};

}  // namespace redoubt::posix
