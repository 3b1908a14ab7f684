// Building and reading messages in this thread's IPC buffer, and the client side of the scheme
// protocol.
//
// The IPC buffer belongs to the thread: what one function puts there lasts until the thread's next
// native call that carries words. libposix preserves it across reflected Linux system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "abi/scheme.hpp"
#include "libhvcall/native/syscall.hpp"

namespace redoubt::native {

/// Where byte payloads start: after the words that travel in registers.
inline std::byte* message_bytes() {
    return reinterpret_cast<std::byte*>(ipc_buffer().words + abi::kRegisterWords);
}

/// Words of a message with all four registers and `bytes` of payload.
constexpr unsigned words_for(std::size_t bytes) {
    return abi::kRegisterWords + static_cast<unsigned>((bytes + 7) / 8);
}

/// Copies a payload into the buffer; it must not exceed scheme::kMaximumBytes.
inline void put_bytes(const void* data, std::size_t size) {
    if (size != 0) __builtin_memcpy(message_bytes(), data, size);
}

/// Says where capabilities of the next received message go (0: take none).
inline void expect_capabilities(Slot first, unsigned count) {
    ipc_buffer().receive_first = first;
    ipc_buffer().receive_count = count;
}

inline Message make_message(std::uint32_t label, unsigned words, std::uint64_t mr0 = 0,
                            std::uint64_t mr1 = 0, std::uint64_t mr2 = 0, std::uint64_t mr3 = 0,
                            unsigned capabilities = 0) {
    return {abi::MessageInfo{label, words, capabilities}, {mr0, mr1, mr2, mr3}};
}

/// An answer: the label is the error, payload words as given.
inline Message make_reply(abi::Error error, unsigned words = 0, std::uint64_t mr0 = 0,
                          std::uint64_t mr1 = 0, unsigned capabilities = 0) {
    return make_message(static_cast<std::uint32_t>(error), words, mr0, mr1, 0, 0, capabilities);
}

}  // namespace redoubt::native

namespace redoubt::native::scheme {

using abi::scheme::Operation;

/// Calls `file` and folds the transport's and the server's error into one.
inline abi::Error transact(Slot file, Message& message) {
    const abi::Error error = call(file, message);
    return ok(error) ? static_cast<abi::Error>(message.info.label()) : error;
}

struct Opened {
    std::uint64_t size = 0;  ///< 0 for streams
};

/// Opens `path` on a scheme's root; the file's capability goes into the empty slot `destination`.
/// `passed` (0: none) is a capability sent along, e.g. the Untyped for hv:vm.
inline Outcome<Opened> open(Slot root, std::string_view path, abi::scheme::OpenFlags flags,
                            Slot destination, Slot passed = 0, std::uint64_t mr2 = 0,
                            std::uint64_t mr3 = 0) {
    if (path.size() > abi::scheme::kMaximumBytes) return {abi::Error::TooLarge, {}};
    put_bytes(path.data(), path.size());
    ipc_buffer().send[0] = passed;
    expect_capabilities(destination, 1);
    Message m =
        make_message(static_cast<std::uint32_t>(Operation::Open), words_for(path.size()),
                     static_cast<std::uint64_t>(flags), path.size(), mr2, mr3, passed != 0 ? 1 : 0);
    abi::Error error = transact(root, m);
    expect_capabilities(0, 0);
    if (ok(error) && m.info.capabilities() == 0) error = abi::Error::InvalidCapability;
    return {error, {m.mr[0]}};
}

/// Reads at most scheme::kMaximumBytes; the bytes are at message_bytes().
inline Outcome<std::size_t> read_in_place(Slot file, std::uint64_t offset, std::size_t size) {
    if (size > abi::scheme::kMaximumBytes) size = abi::scheme::kMaximumBytes;
    Message m = make_message(static_cast<std::uint32_t>(Operation::Read), 2, offset, size);
    const abi::Error error = transact(file, m);
    // A server is not trusted to keep to the length asked for.
    return {error, m.mr[0] < size ? static_cast<std::size_t>(m.mr[0]) : size};
}

/// Reads up to `size` bytes (at most scheme::kMaximumBytes per call) into `to`.
inline Outcome<std::size_t> read(Slot file, std::uint64_t offset, void* to, std::size_t size) {
    const Outcome<std::size_t> got = read_in_place(file, offset, size);
    if (got) __builtin_memcpy(to, message_bytes(), got.value);
    return got;
}

/// Writes up to scheme::kMaximumBytes; gives the length taken.
inline Outcome<std::size_t> write(Slot file, std::uint64_t offset, const void* from,
                                  std::size_t size) {
    if (size > abi::scheme::kMaximumBytes) size = abi::scheme::kMaximumBytes;
    put_bytes(from, size);
    Message m =
        make_message(static_cast<std::uint32_t>(Operation::Write), words_for(size), offset, size);
    const abi::Error error = transact(file, m);
    return {error, m.mr[0] < size ? static_cast<std::size_t>(m.mr[0]) : size};
}

/// The text of a directory or other List-able file from `offset`; bytes are at message_bytes().
inline Outcome<std::size_t> list_in_place(Slot file, std::uint64_t offset) {
    Message m = make_message(static_cast<std::uint32_t>(Operation::List), 1, offset);
    const abi::Error error = transact(file, m);
    const std::size_t limit = abi::scheme::kMaximumBytes;
    return {error, m.mr[0] < limit ? static_cast<std::size_t>(m.mr[0]) : limit};
}

struct Status {
    std::uint64_t size = 0;
    abi::scheme::FileKind kind = abi::scheme::FileKind::Regular;
};

inline Outcome<Status> stat(Slot file) {
    Message m = make_message(static_cast<std::uint32_t>(Operation::Stat), 0);
    const abi::Error error = transact(file, m);
    return {error, {m.mr[0], static_cast<abi::scheme::FileKind>(m.mr[1])}};
}

/// Subscribes `notification` (0: only asks) to `wanted`; gives the states that hold now.
inline Outcome<std::uint64_t> event(Slot file, std::uint64_t wanted, Slot notification) {
    ipc_buffer().send[0] = notification;
    Message m = make_message(static_cast<std::uint32_t>(Operation::Event), 1, wanted, 0, 0, 0,
                             notification != 0 ? 1 : 0);
    const abi::Error error = transact(file, m);
    return {error, m.mr[0]};
}

/// Call with a code and up to two arguments; a capability in the reply goes into `destination` (0:
/// none).
inline Outcome<Message> control(Slot file, std::uint64_t code, std::uint64_t mr2 = 0,
                                std::uint64_t mr3 = 0, Slot destination = 0) {
    if (destination != 0) expect_capabilities(destination, 1);
    Message m = make_message(static_cast<std::uint32_t>(Operation::Call), 4, code, 0, mr2, mr3);
    const abi::Error error = transact(file, m);
    if (destination != 0) expect_capabilities(0, 0);
    return {error, m};
}

/// A Call with a payload, and with the capability `passed` unless it is 0.
inline abi::Error call(Slot file, std::uint64_t code, const void* payload, std::size_t bytes,
                       Slot passed = 0) {
    if (bytes > abi::scheme::kMaximumBytes) return abi::Error::TooLarge;
    put_bytes(payload, bytes);
    ipc_buffer().send[0] = passed;
    Message m = make_message(static_cast<std::uint32_t>(Operation::Call), words_for(bytes), code,
                             bytes, 0, 0, passed != 0 ? 1 : 0);
    return transact(file, m);
}

/// Maps part of a file: a Frame goes into `destination`.
inline abi::Error map(Slot file, std::uint64_t offset, std::uint64_t length, Slot destination) {
    expect_capabilities(destination, 1);
    Message m = make_message(static_cast<std::uint32_t>(Operation::Map), 2, offset, length);
    abi::Error error = transact(file, m);
    expect_capabilities(0, 0);
    if (ok(error) && m.info.capabilities() == 0) error = abi::Error::InvalidCapability;
    return error;
}

/// Closes the file at its server; the caller still deletes its capability.
inline abi::Error close(Slot file) {
    Message m = make_message(static_cast<std::uint32_t>(Operation::Close), 0);
    return transact(file, m);
}

}  // namespace redoubt::native::scheme
