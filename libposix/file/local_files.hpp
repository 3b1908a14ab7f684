// Files that live inside the process: eventfd, timerfd, pipes, and notifications as files.
#pragma once

#include <cstdint>

#include "libposix/file/event_pump.hpp"
#include "libposix/file/file.hpp"

namespace redoubt::posix {

class EventFd final : public File {
  public:
    EventFd(std::uint64_t count, bool semaphore) : count_(count), semaphore_(semaphore) {}
    long read(void* to, std::size_t size) override;
    long write(const void* from, std::size_t size) override;
    std::uint32_t readiness() override;

  private:
    std::uint64_t count_;
    bool semaphore_;
};

class TimerFd final : public File {
  public:
    explicit TimerFd(bool real_time) : File(Type::Timer), real_time_(real_time) {}
    long read(void* to, std::size_t size) override;
    std::uint32_t readiness() override { return expired() ? EPOLLIN : 0; }
    std::uint64_t deadline() const override;

    /// Arms (or with 0 disarms) the timer. Nanoseconds; `first` counts from now unless `absolute`.
    void set(std::uint64_t first, std::uint64_t interval, bool absolute);
    /// Nanoseconds to the next expiration (0: disarmed) and the interval.
    void get(std::uint64_t& remaining, std::uint64_t& interval) const;

  private:
    bool expired() const;

    bool real_time_;
    std::uint64_t next_ = 0;  ///< on the monotonic clock, 0: disarmed
    std::uint64_t interval_ = 0;
};

/// What both ends of a pipe share.
class PipeBuffer;

class PipeEnd final : public File {
  public:
    PipeEnd(PipeBuffer& buffer, bool writes);
    ~PipeEnd() override;
    long read(void* to, std::size_t size) override;
    long write(const void* from, std::size_t size) override;
    std::uint32_t readiness() override;
    std::uint32_t mode() const override { return 0010600; }

  private:
    PipeBuffer& buffer_;
    bool writes_;
};

/// Makes both ends; false without memory.
bool make_pipe(Ref<>& read_end, Ref<>& write_end);

/// Readable once its capability was signalled.
class NotificationFile final : public File, private EventSource {
  public:
    ~NotificationFile() override;
    /// The capability to signal, 0 if there is none to be had.
    native::Slot subscribe();
    long read(void* to, std::size_t size) override;
    std::uint32_t readiness() override { return signalled_ ? EPOLLIN : 0; }

  private:
    void on_signal() override;

    bool subscribed_ = false;
    bool signalled_ = false;
};

}  // namespace redoubt::posix
