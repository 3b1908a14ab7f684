// See local_files.hpp.
#include "libposix/file/local_files.hpp"

#include <new>

#include "libposix/process.hpp"

namespace redoubt::posix {

long EventFd::read(void* to, std::size_t size) {
    if (size < sizeof(count_)) return -EINVAL;
    if (count_ == 0) return -EAGAIN;
    const std::uint64_t value = semaphore_ ? 1 : count_;
    __builtin_memcpy(to, &value, sizeof(value));
    count_ -= value;
    notify();
    return sizeof(value);
}

long EventFd::write(const void* from, std::size_t size) {
    std::uint64_t value;
    if (size < sizeof(value)) return -EINVAL;
    __builtin_memcpy(&value, from, sizeof(value));
    if (value == ~std::uint64_t{0}) return -EINVAL;
    if (count_ + value < count_ || count_ + value == ~std::uint64_t{0}) return -EAGAIN;
    count_ += value;
    notify();
    return sizeof(value);
}

std::uint32_t EventFd::readiness() {
    return (count_ > 0 ? EPOLLIN : 0) | (count_ < ~std::uint64_t{0} - 1 ? EPOLLOUT : 0);
}

bool TimerFd::expired() const { return next_ != 0 && process().clock.monotonic() >= next_; }

std::uint64_t TimerFd::deadline() const {
    return next_ == 0 ? abi::kNever : process().clock.to_ticks(next_);
}

long TimerFd::read(void* to, std::size_t size) {
    if (size < sizeof(std::uint64_t)) return -EINVAL;
    if (!expired()) return -EAGAIN;
    std::uint64_t count = 1;
    if (interval_ != 0) {
        count += (process().clock.monotonic() - next_) / interval_;
        next_ += count * interval_;
    } else {
        next_ = 0;
    }
    __builtin_memcpy(to, &count, sizeof(count));
    return sizeof(count);
}

void TimerFd::set(std::uint64_t first, std::uint64_t interval, bool absolute) {
    const Clock& clock = process().clock;
    interval_ = interval;
    if (first == 0) {
        next_ = 0;
    } else if (!absolute) {
        next_ = saturating_add(clock.monotonic(), first);
    } else if (real_time_) {
        next_ = first > clock.real_offset() ? first - clock.real_offset() : 1;
    } else {
        next_ = first;
    }
    notify();
}

void TimerFd::get(std::uint64_t& remaining, std::uint64_t& interval) const {
    const std::uint64_t now = process().clock.monotonic();
    interval = interval_;
    remaining = next_ == 0 ? 0 : next_ > now ? next_ - now : 1;
}

class PipeBuffer {
  public:
    static constexpr std::size_t kSize = 16384 - 64;

    std::size_t used() const { return used_; }
    std::size_t room() const { return kSize - used_; }

    std::size_t take(std::byte* to, std::size_t size) {
        size = size < used_ ? size : used_;
        for (std::size_t i = 0; i < size; ++i) {
            to[i] = bytes_[head_];
            head_ = (head_ + 1) % kSize;
        }
        used_ -= size;
        return size;
    }
    std::size_t put(const std::byte* from, std::size_t size) {
        size = size < room() ? size : room();
        for (std::size_t i = 0; i < size; ++i) bytes_[(head_ + used_ + i) % kSize] = from[i];
        used_ += size;
        return size;
    }

    PipeEnd* reader = nullptr;
    PipeEnd* writer = nullptr;

  private:
    std::size_t head_ = 0;
    std::size_t used_ = 0;
    std::byte bytes_[kSize];
};

PipeEnd::PipeEnd(PipeBuffer& buffer, bool writes) : buffer_(buffer), writes_(writes) {
    (writes ? buffer.writer : buffer.reader) = this;
}

PipeEnd::~PipeEnd() {
    (writes_ ? buffer_.writer : buffer_.reader) = nullptr;
    PipeEnd* other = writes_ ? buffer_.reader : buffer_.writer;
    if (other != nullptr) {
        other->notify();
    } else {
        delete &buffer_;
    }
}

long PipeEnd::read(void* to, std::size_t size) {
    if (writes_) return -EBADF;
    if (buffer_.used() == 0) return buffer_.writer == nullptr ? 0 : -EAGAIN;
    const std::size_t got = buffer_.take(static_cast<std::byte*>(to), size);
    if (buffer_.writer != nullptr) buffer_.writer->notify();
    return static_cast<long>(got);
}

long PipeEnd::write(const void* from, std::size_t size) {
    if (!writes_) return -EBADF;
    if (buffer_.reader == nullptr) return -EPIPE;
    // Writes of up to PIPE_BUF bytes are never split.
    constexpr std::size_t kAtomic = 4096;
    if (buffer_.room() == 0 || (size <= kAtomic && buffer_.room() < size)) return -EAGAIN;
    const std::size_t taken = buffer_.put(static_cast<const std::byte*>(from), size);
    buffer_.reader->notify();
    return static_cast<long>(taken);
}

std::uint32_t PipeEnd::readiness() {
    if (writes_) {
        if (buffer_.reader == nullptr) return EPOLLOUT | EPOLLERR;
        return buffer_.room() >= 4096 ? EPOLLOUT : 0;
    }
    return (buffer_.used() > 0 ? EPOLLIN : 0) | (buffer_.writer == nullptr ? EPOLLHUP : 0);
}

bool make_pipe(Ref<>& read_end, Ref<>& write_end) {
    auto* buffer = new (std::nothrow) PipeBuffer;
    if (buffer == nullptr) return false;
    auto* reader = new (std::nothrow) PipeEnd{*buffer, false};
    if (reader == nullptr) {
        delete buffer;
        return false;
    }
    read_end = Ref<>{reader};
    auto* writer = new (std::nothrow) PipeEnd{*buffer, true};
    if (writer == nullptr) {
        read_end = Ref<>{};
        return false;
    }
    write_end = Ref<>{writer};
    reader->access = 0;
    writer->access = 1;
    return true;
}

NotificationFile::~NotificationFile() {
    if (subscribed_) pump_unsubscribe(*this);
}

native::Slot NotificationFile::subscribe() {
    const native::Slot slot = pump_subscribe(*this, true);
    subscribed_ = slot != 0;
    return slot;
}

long NotificationFile::read(void* to, std::size_t size) {
    if (size < sizeof(std::uint64_t)) return -EINVAL;
    if (!signalled_) return -EAGAIN;
    signalled_ = false;
    const std::uint64_t count = 1;
    __builtin_memcpy(to, &count, sizeof(count));
    return sizeof(count);
}

void NotificationFile::on_signal() {
    signalled_ = true;
    notify();
}

}  // namespace redoubt::posix
