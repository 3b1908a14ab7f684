// Tests of epoll, poll and what they watch inside the process.
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time_types.h>

#include <chrono>

#include "libposix/native_services.hpp"
#include "libposix/process.hpp"
#include "libposix/syscall/syscalls.hpp"
#include "tests/unit/libhvcall/native/fake_kernel.hpp"
#include "tests/unit/libposix/environment.hpp"
#include "tests/unit/libposix/thread/test_thread.hpp"

namespace redoubt::posix {
namespace {

using test::arg;
using test::linux_call;
using test::TestThread;

std::uint64_t number(long fd) { return static_cast<std::uint64_t>(fd); }

struct EpollTest : testing::Test {
    ~EpollTest() override {
        for (const long fd : {epoll, event, timer}) linux_call(__NR_close, number(fd));
    }
    long control(int operation, long fd, std::uint32_t events) {
        epoll_event wanted{};
        wanted.events = events;
        wanted.data = number(fd);
        return linux_call(__NR_epoll_ctl, number(epoll), static_cast<std::uint64_t>(operation),
                          number(fd), arg(&wanted));
    }
    /// Descriptors reported, -1 for none.
    long wait(int milliseconds = 0) {
        got[0] = {};
        const long count = linux_call(__NR_epoll_wait, number(epoll), arg(got), 4,
                                      static_cast<std::uint64_t>(milliseconds));
        return count == 0 ? -1 : static_cast<long>(got[0].data);
    }
    void add(std::uint64_t value) {
        ASSERT_EQ(linux_call(__NR_write, number(event), arg(&value), 8), 8);
    }
    std::uint64_t take() {
        std::uint64_t value = 0;
        linux_call(__NR_read, number(event), arg(&value), 8);
        return value;
    }
    void arm(long nanoseconds, long interval = 0) {
        const __kernel_itimerspec spec{.it_interval = {0, interval}, .it_value = {0, nanoseconds}};
        ASSERT_EQ(linux_call(__NR_timerfd_settime, number(timer), 0, arg(&spec)), 0);
    }

    long epoll = linux_call(__NR_epoll_create1, 0);
    long event = linux_call(__NR_eventfd2, 0, O_NONBLOCK);
    long timer = linux_call(__NR_timerfd_create, 1, O_NONBLOCK);
    epoll_event got[4] = {};
};

TEST_F(EpollTest, LevelTriggeredReportsUntilTaken) {
    ASSERT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN), 0);
    EXPECT_EQ(wait(), -1);
    add(2);
    EXPECT_EQ(wait(), event);
    EXPECT_EQ(wait(), event);
    EXPECT_EQ(take(), 2U);
    EXPECT_EQ(wait(), -1);
}

TEST_F(EpollTest, EdgeTriggeredReportsEachEventOnce) {
    add(1);
    ASSERT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN | EPOLLET), 0);
    EXPECT_EQ(wait(), event) << "what is ready when it is added counts";
    EXPECT_EQ(wait(), -1);
    add(1);
    EXPECT_EQ(wait(), event) << "so does more of it";
    EXPECT_EQ(wait(), -1);
    ASSERT_EQ(control(EPOLL_CTL_MOD, event, EPOLLIN | EPOLLET), 0);
    EXPECT_EQ(wait(), event) << "and asking again, which Asio's interrupter relies on";
}

TEST_F(EpollTest, OneShotNeedsRearming) {
    ASSERT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN | EPOLLONESHOT), 0);
    add(1);
    EXPECT_EQ(wait(), event);
    add(1);
    EXPECT_EQ(wait(), -1);
    ASSERT_EQ(control(EPOLL_CTL_MOD, event, EPOLLIN | EPOLLONESHOT), 0);
    EXPECT_EQ(wait(), event);
}

TEST_F(EpollTest, TimersWakeTheWaiter) {
    ASSERT_EQ(control(EPOLL_CTL_ADD, timer, EPOLLIN), 0);
    EXPECT_EQ(wait(), -1);
    arm(5'000'000);
    EXPECT_EQ(wait(5000), timer);
    EXPECT_EQ(wait(), timer);
    std::uint64_t count = 0;
    EXPECT_EQ(linux_call(__NR_read, number(timer), arg(&count), 8), 8);
    EXPECT_EQ(count, 1U);
    EXPECT_EQ(linux_call(__NR_read, number(timer), arg(&count), 8), -EAGAIN);
    EXPECT_EQ(wait(), -1);
}

TEST_F(EpollTest, AnEdgeTriggeredTimerReportsEachExpiration) {
    ASSERT_EQ(control(EPOLL_CTL_ADD, timer, EPOLLIN | EPOLLET), 0);
    arm(1'000'000);
    EXPECT_EQ(wait(5000), timer);
    EXPECT_EQ(wait(10), -1);
    arm(1'000'000);
    EXPECT_EQ(wait(5000), timer);
}

TEST_F(EpollTest, PeriodicTimersCountWhatWasMissed) {
    arm(1'000'000, 1'000'000);
    const __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 5'500'000};
    linux_call(__NR_nanosleep, arg(&pause));
    std::uint64_t count = 0;
    ASSERT_EQ(linux_call(__NR_read, number(timer), arg(&count), 8), 8);
    EXPECT_GE(count, 5U);
    __kernel_itimerspec left{};
    EXPECT_EQ(linux_call(__NR_timerfd_gettime, number(timer), arg(&left)), 0);
    EXPECT_EQ(left.it_interval.tv_nsec, 1'000'000);
    arm(0);
    linux_call(__NR_timerfd_gettime, number(timer), arg(&left));
    EXPECT_EQ(left.it_value.tv_nsec, 0);
}

TEST_F(EpollTest, AnotherThreadWakesTheWaiter) {
    ASSERT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN), 0);
    TestThread thread;
    thread.start([&] {
        const __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
        linux_call(__NR_nanosleep, arg(&pause));
        add(1);
    });
    EXPECT_EQ(wait(10'000), event);
    thread.join();
}

TEST_F(EpollTest, AClosedDescriptorIsForgotten) {
    const long extra = linux_call(__NR_eventfd2, 1, 0);
    ASSERT_EQ(control(EPOLL_CTL_ADD, extra, EPOLLIN), 0);
    EXPECT_EQ(wait(), extra);
    linux_call(__NR_close, number(extra));
    EXPECT_EQ(wait(), -1);
}

TEST_F(EpollTest, RefusesNonsense) {
    EXPECT_EQ(control(EPOLL_CTL_ADD, 400, EPOLLIN), -EBADF);
    EXPECT_EQ(control(EPOLL_CTL_ADD, 0, EPOLLIN), 0) << "standard input is a stream";
    EXPECT_EQ(control(EPOLL_CTL_ADD, epoll, EPOLLIN), -EINVAL);
    EXPECT_EQ(control(EPOLL_CTL_MOD, event, EPOLLIN), -ENOENT);
    EXPECT_EQ(control(EPOLL_CTL_DEL, event, EPOLLIN), -ENOENT);
    ASSERT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN), 0);
    EXPECT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN), -EEXIST);
    EXPECT_EQ(control(9, event, EPOLLIN), -EINVAL);
    EXPECT_EQ(linux_call(__NR_epoll_wait, number(event), arg(got), 4, 0), -EINVAL);
    EXPECT_EQ(linux_call(__NR_epoll_wait, number(epoll), arg(got), 0, 0), -EINVAL);
}

TEST_F(EpollTest, ASmallBufferServesEverybodyInTurn) {
    const long other = linux_call(__NR_eventfd2, 1, 0);
    add(1);
    ASSERT_EQ(control(EPOLL_CTL_ADD, event, EPOLLIN), 0);
    ASSERT_EQ(control(EPOLL_CTL_ADD, other, EPOLLIN), 0);
    long seen[2];
    for (long& fd : seen) {
        ASSERT_EQ(linux_call(__NR_epoll_wait, number(epoll), arg(got), 1, 0), 1);
        fd = static_cast<long>(got[0].data);
    }
    EXPECT_NE(seen[0], seen[1]);
    linux_call(__NR_close, number(other));
}

TEST_F(EpollTest, PollSeesTheSame) {
    pollfd fds[3] = {
        {static_cast<int>(event), POLLIN | POLLOUT, 0}, {-1, POLLIN, 7}, {400, POLLIN, 0}};
    EXPECT_EQ(linux_call(__NR_poll, arg(fds), 3, 0), 2);
    EXPECT_EQ(fds[0].revents, POLLOUT);
    EXPECT_EQ(fds[1].revents, 0);
    EXPECT_EQ(fds[2].revents, POLLNVAL);
    pollfd one{static_cast<int>(event), POLLIN, 0};
    EXPECT_EQ(linux_call(__NR_poll, arg(&one), 1, 3), 0);
    add(1);
    EXPECT_EQ(linux_call(__NR_poll, arg(&one), 1, number(-1)), 1);
}

TEST(Pipe, CarriesBytesAndEnds) {
    int ends[2];
    ASSERT_EQ(linux_call(__NR_pipe2, arg(ends), O_NONBLOCK), 0);
    char text[8] = {};
    EXPECT_EQ(linux_call(__NR_read, number(ends[0]), arg(text), 8), -EAGAIN);
    EXPECT_EQ(linux_call(__NR_write, number(ends[1]), arg("hello"), 5), 5);
    EXPECT_EQ(linux_call(__NR_read, number(ends[0]), arg(text), 2), 2);
    EXPECT_EQ(linux_call(__NR_read, number(ends[0]), arg(text), 8), 3);
    EXPECT_EQ(linux_call(__NR_read, number(ends[1]), arg(text), 8), -EBADF);
    EXPECT_EQ(linux_call(__NR_write, number(ends[0]), arg(text), 8), -EBADF);
    std::vector<char> big(20'000, 'x');
    const long taken = linux_call(__NR_write, number(ends[1]), arg(big.data()), big.size());
    EXPECT_GT(taken, 8'000);
    EXPECT_LT(taken, 20'000);
    EXPECT_EQ(linux_call(__NR_read, number(ends[0]), arg(big.data()), big.size()), taken);
    EXPECT_EQ(linux_call(__NR_close, number(ends[0])), 0);
    EXPECT_EQ(linux_call(__NR_write, number(ends[1]), arg(text), 1), -EPIPE);
    EXPECT_EQ(linux_call(__NR_close, number(ends[1])), 0);
}

TEST(Pipe, ABlockingReadWaitsForTheWriter) {
    int ends[2];
    ASSERT_EQ(linux_call(__NR_pipe2, arg(ends), 0), 0);
    TestThread thread;
    thread.start([&] {
        const __kernel_timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
        linux_call(__NR_nanosleep, arg(&pause));
        linux_call(__NR_write, number(ends[1]), arg("x"), 1);
        linux_call(__NR_close, number(ends[1]));
    });
    char byte = 0;
    EXPECT_EQ(linux_call(__NR_read, number(ends[0]), arg(&byte), 1), 1);
    EXPECT_EQ(linux_call(__NR_read, number(ends[0]), arg(&byte), 1), 0);
    thread.join();
    linux_call(__NR_close, number(ends[0]));
}

TEST(NotificationFd, BecomesReadableWhenSignalled) {
    const NativeServices& services = native_service_table();
    native::Slot signal = 0;
    const int fd = services.notification_fd(&signal);
    ASSERT_GE(fd, 0);
    pollfd polled{fd, POLLIN, 0};
    EXPECT_EQ(linux_call(__NR_poll, arg(&polled), 1, 0), 0);
    native::signal(signal);
    EXPECT_EQ(linux_call(__NR_poll, arg(&polled), 1, 10'000), 1);
    std::uint64_t count = 0;
    EXPECT_EQ(linux_call(__NR_read, number(fd), arg(&count), 8), 8);
    EXPECT_EQ(linux_call(__NR_read, number(fd), arg(&count), 8), -EAGAIN);
    linux_call(__NR_close, number(fd));
}

}  // namespace
}  // namespace redoubt::posix
