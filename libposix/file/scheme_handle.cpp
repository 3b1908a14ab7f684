// See scheme_handle.hpp.
#include "libposix/file/scheme_handle.hpp"

#include "libposix/errors.hpp"
#include "libposix/process.hpp"

namespace redoubt::posix {
namespace {

namespace protocol = native::scheme;
using abi::scheme::EventMask;

constexpr auto kReadable = static_cast<std::uint64_t>(EventMask::Readable);
constexpr auto kWritable = static_cast<std::uint64_t>(EventMask::Writable);
constexpr auto kHangUp = static_cast<std::uint64_t>(EventMask::HangUp);

}  // namespace

long SchemeHandle::open(native::Slot root, std::string_view path, abi::scheme::OpenFlags flags) {
    const native::Slot slot = process().slots.allocate();
    if (slot == 0) return -ENFILE;
    IpcScope scope;
    native::Outcome<protocol::Opened> opened;
    {
        Unlocked unlocked;
        opened = protocol::open(root, path, flags, slot);
    }
    if (!opened) {
        native::delete_capability(slot);
        process().slots.free(slot);
        return to_errno(opened.error);
    }
    slot_ = slot;
    size_ = opened.value.size;
    return 0;
}

void SchemeHandle::close() {
    if (slot_ == 0) return;
    if (subscribed_) pump_unsubscribe(*this);
    subscribed_ = false;
    IpcScope scope;
    const native::Slot slot = slot_;
    slot_ = 0;
    {
        Unlocked unlocked;
        protocol::close(slot);
    }
    native::delete_capability(slot);
    process().slots.free(slot);
}

long SchemeHandle::stat() {
    IpcScope scope;
    native::Outcome<protocol::Status> status;
    {
        Unlocked unlocked;
        status = protocol::stat(slot_);
    }
    if (!status) return to_errno(status.error);
    size_ = status.value.size;
    kind_ = status.value.kind;
    return 0;
}

/// Learns from the outcome of a call that began when `sequence` signals had been seen.
long SchemeHandle::settle(abi::Error error, EventMask blocked, std::uint64_t sequence) {
    if (error != abi::Error::WouldBlock) {
        // There may be more, or not: whoever polls asks.
        stale_ = true;
        return to_errno(error);
    }
    // A signal during the call may be newer than the answer.
    if (sequence == sequence_) ready_ &= ~static_cast<std::uint64_t>(blocked);
    return -EAGAIN;
}

long SchemeHandle::read(std::uint64_t offset, void* to, std::size_t size) {
    IpcScope scope;
    const std::uint64_t sequence = sequence_;
    native::Outcome<std::size_t> got;
    {
        Unlocked unlocked;
        got = protocol::read(slot_, offset, to, size);
    }
    if (got.error == abi::Error::EndOfFile) return 0;
    const long error = settle(got.error, EventMask::Readable, sequence);
    return error != 0 ? error : static_cast<long>(got.value);
}

long SchemeHandle::write(std::uint64_t offset, const void* from, std::size_t size) {
    IpcScope scope;
    const std::uint64_t sequence = sequence_;
    native::Outcome<std::size_t> taken;
    {
        Unlocked unlocked;
        taken = protocol::write(slot_, offset, from, size);
    }
    const long error = settle(taken.error, EventMask::Writable, sequence);
    return error != 0 ? error : static_cast<long>(taken.value);
}

long SchemeHandle::control(EventMask clears, std::uint64_t code, std::uint64_t mr2,
                           native::Slot destination) {
    IpcScope scope;
    const std::uint64_t sequence = sequence_;
    native::Outcome<native::Message> answer;
    {
        Unlocked unlocked;
        answer = protocol::control(slot_, code, mr2, 0, destination);
    }
    const long error = settle(answer.error, clears, sequence);
    if (error == 0 && destination != 0 && answer.value.info.capabilities() == 0) return -EIO;
    return error;
}

long SchemeHandle::list(std::uint64_t offset, void* to, std::size_t size) {
    IpcScope scope;
    native::Outcome<std::size_t> got;
    {
        Unlocked unlocked;
        got = protocol::list_in_place(slot_, offset);
        if (got) {
            got.value = got.value < size ? got.value : size;
            __builtin_memcpy(to, native::message_bytes(), got.value);
        }
    }
    return got ? static_cast<long>(got.value) : to_errno(got.error);
}

std::uint32_t SchemeHandle::readiness() {
    if (slot_ == 0) return EPOLLHUP;
    if (!subscribed_ || stale_) {
        IpcScope scope;
        native::Slot notification = 0;
        if (!subscribed_) {
            notification = pump_subscribe(*this, false);
            subscribed_ = notification != 0;
        }
        // The lock stays held: a signal during the question is delivered after it and makes the
        // answer stale again.
        const auto now = protocol::event(slot_, kReadable | kWritable | kHangUp, notification);
        if (now) {
            ready_ = now.value;
        } else if (now.error == abi::Error::NotSupported) {
            ready_ = kReadable | kWritable;
        } else {
            ready_ = kHangUp;
        }
        stale_ = false;
    }
    std::uint32_t events = 0;
    if ((ready_ & kReadable) != 0) events |= EPOLLIN | EPOLLRDNORM;
    if ((ready_ & kWritable) != 0) events |= EPOLLOUT | EPOLLWRNORM;
    if ((ready_ & kHangUp) != 0) events |= EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP;
    return events;
}

void SchemeHandle::on_signal() {
    stale_ = true;
    ++sequence_;
    owner_.notify();
}

}  // namespace redoubt::posix
