// System calls that wait: epoll, poll, timers, pipes, eventfd, sleeping.
#include <linux/fcntl.h>

#include <new>

#include "libposix/file/epoll.hpp"
#include "libposix/file/fd_table.hpp"
#include "libposix/file/local_files.hpp"
#include "libposix/process.hpp"
#include "libposix/syscall/syscalls.hpp"

namespace redoubt::posix {
namespace {

constexpr int kEventFdSemaphore = 1;
constexpr int kTimerAbsolute = 1;

long insert(File* file, int flags) {
    Ref<> reference{file};
    if (!reference) return -ENOMEM;
    file->nonblocking = (flags & O_NONBLOCK) != 0;
    return fd_table().insert(std::move(reference), (flags & O_CLOEXEC) != 0);
}

/// In ticks. Negative: never; 0: only look.
std::uint64_t deadline_after(std::int64_t milliseconds) {
    if (milliseconds < 0) return abi::kNever;
    if (milliseconds == 0) return 0;
    const Clock& clock = process().clock;
    return clock.to_ticks(clock.monotonic() + static_cast<std::uint64_t>(milliseconds) * 1'000'000);
}

}  // namespace

long sys_eventfd2(std::uint64_t count, int flags) {
    return insert(new (std::nothrow) EventFd{count, (flags & kEventFdSemaphore) != 0}, flags);
}

long sys_pipe2(int* fds, int flags) {
    Ref<> reader, writer;
    if (!make_pipe(reader, writer)) return -ENOMEM;
    reader->nonblocking = writer->nonblocking = (flags & O_NONBLOCK) != 0;
    const bool close_on_exec = (flags & O_CLOEXEC) != 0;
    fds[0] = fd_table().insert(std::move(reader), close_on_exec);
    if (fds[0] < 0) return fds[0];
    fds[1] = fd_table().insert(std::move(writer), close_on_exec);
    if (fds[1] >= 0) return 0;
    fd_table().close(fds[0]);
    return fds[1];
}

long sys_timerfd_create(int clock, int flags) {
    std::uint64_t now;
    if (!process().clock.read(clock, now)) return -EINVAL;
    return insert(new (std::nothrow) TimerFd{clock == kRealTimeClock}, flags);
}

long sys_timerfd_settime(int fd, int flags, const __kernel_itimerspec* value,
                         __kernel_itimerspec* old) {
    const Ref<> file = fd_table().get(fd);
    auto* timer = file_as<TimerFd>(file, File::Type::Timer);
    if (timer == nullptr) return file ? -EINVAL : -EBADF;
    std::uint64_t first, interval;
    long error = read_timespec(value->it_value, first);
    if (error == 0) error = read_timespec(value->it_interval, interval);
    if (error != 0) return error;
    if (old != nullptr) sys_timerfd_gettime(fd, old);
    timer->set(first, interval, (flags & kTimerAbsolute) != 0);
    return 0;
}

long sys_timerfd_gettime(int fd, __kernel_itimerspec* value) {
    const Ref<> file = fd_table().get(fd);
    auto* timer = file_as<TimerFd>(file, File::Type::Timer);
    if (timer == nullptr) return file ? -EINVAL : -EBADF;
    std::uint64_t remaining, interval;
    timer->get(remaining, interval);
    write_timespec(remaining, value->it_value);
    write_timespec(interval, value->it_interval);
    return 0;
}

long sys_epoll_create1(int flags) { return insert(new (std::nothrow) Epoll, flags); }

long sys_epoll_ctl(int epoll_fd, int operation, int fd, const epoll_event* event) {
    const Ref<> epoll_file = fd_table().get(epoll_fd);
    const Ref<> file = fd_table().get(fd);
    auto* epoll = file_as<Epoll>(epoll_file, File::Type::Epoll);
    if (!epoll_file || !file) return -EBADF;
    if (epoll == nullptr) return -EINVAL;
    return epoll->control(operation, fd, *file, event);
}

long sys_epoll_wait(int epoll_fd, epoll_event* events, int maximum, int milliseconds) {
    const Ref<> file = fd_table().get(epoll_fd);
    auto* epoll = file_as<Epoll>(file, File::Type::Epoll);
    if (epoll == nullptr) return file ? -EINVAL : -EBADF;
    return epoll->wait(events, maximum, deadline_after(milliseconds));
}

long sys_poll(pollfd* fds, std::size_t count, int milliseconds) {
    return poll(fds, count, deadline_after(milliseconds));
}

long sys_ppoll(pollfd* fds, std::size_t count, const __kernel_timespec* timeout) {
    std::uint64_t deadline = abi::kNever;
    if (timeout != nullptr) {
        std::uint64_t nanoseconds;
        if (const long error = read_timespec(*timeout, nanoseconds); error != 0) return error;
        const Clock& clock = process().clock;
        deadline =
            nanoseconds == 0 ? 0 : clock.to_ticks(saturating_add(clock.monotonic(), nanoseconds));
    }
    return poll(fds, count, deadline);
}

long sys_clock_nanosleep(int clock_id, int flags, const __kernel_timespec* wanted) {
    const Clock& clock = process().clock;
    std::uint64_t now, nanoseconds;
    if (!clock.read(clock_id, now)) return -EINVAL;
    if (const long error = read_timespec(*wanted, nanoseconds); error != 0) return error;
    if ((flags & kTimerAbsolute) == 0) nanoseconds = saturating_add(now, nanoseconds);
    if (clock_id == kRealTimeClock) {
        nanoseconds = nanoseconds > clock.real_offset() ? nanoseconds - clock.real_offset() : 0;
    }
    const std::uint64_t deadline = clock.to_ticks(nanoseconds);
    while (native::ticks() < deadline) Thread::current().sleep(deadline);
    return 0;
}

}  // namespace redoubt::posix
