// Tests of the futex, through the system call. Threads of the test are threads of libposix.
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/time_types.h>

#include <atomic>
#include <chrono>

#include "libposix/process.hpp"
#include "tests/unit/libposix/environment.hpp"
#include "tests/unit/libposix/thread/test_thread.hpp"

namespace redoubt::posix {
namespace {

using test::arg;
using test::linux_call;
using test::TestThread;

constexpr std::uint64_t kPrivate = FUTEX_PRIVATE_FLAG;

long wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    return linux_call(__NR_futex, arg(&word), FUTEX_WAIT | kPrivate, value);
}
long wake(std::atomic<std::uint32_t>& word, std::uint32_t count) {
    return linux_call(__NR_futex, arg(&word), FUTEX_WAKE | kPrivate, count);
}

TEST(Futex, DoesNotWaitForAValueThatIsGone) {
    std::atomic<std::uint32_t> word{1};
    EXPECT_EQ(wait(word, 0), -EAGAIN);
    EXPECT_EQ(wake(word, 1), 0);
}

TEST(Futex, WakesAsManyAsAsked) {
    std::atomic<std::uint32_t> word{0};
    std::atomic<int> woken{0};
    TestThread threads[3];
    for (TestThread& thread : threads) {
        thread.start([&] {
            if (wait(word, 0) == 0) ++woken;
        });
    }
    long count = 0;
    while (count < 2) count += wake(word, static_cast<std::uint32_t>(2 - count));
    while (woken < 2) native::yield();
    EXPECT_EQ(count, 2);
    EXPECT_EQ(woken, 2);
    while (wake(word, 1) == 0) native::yield();
    for (TestThread& thread : threads) thread.join();
    EXPECT_EQ(woken, 3);
}

TEST(Futex, TimesOutOnTheRelativeAndTheAbsoluteClock) {
    std::atomic<std::uint32_t> word{0};
    const __kernel_timespec soon{.tv_sec = 0, .tv_nsec = 5'000'000};
    const auto start = native::ticks();
    EXPECT_EQ(linux_call(__NR_futex, arg(&word), FUTEX_WAIT | kPrivate, 0, arg(&soon)), -ETIMEDOUT);
    EXPECT_GE(native::ticks() - start, 5'000'000U);

    __kernel_timespec absolute;
    write_timespec(process().clock.monotonic() + 3'000'000, absolute);
    EXPECT_EQ(linux_call(__NR_futex, arg(&word), FUTEX_WAIT_BITSET | kPrivate, 0, arg(&absolute), 0,
                         FUTEX_BITSET_MATCH_ANY),
              -ETIMEDOUT);
    write_timespec(process().clock.real() + 3'000'000, absolute);
    EXPECT_EQ(
        linux_call(__NR_futex, arg(&word), FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | kPrivate, 0,
                   arg(&absolute), 0, FUTEX_BITSET_MATCH_ANY),
        -ETIMEDOUT);
}

TEST(Futex, OnlyMatchingBitsAreWoken) {
    std::atomic<std::uint32_t> word{0};
    TestThread thread;
    thread.start(
        [&] { linux_call(__NR_futex, arg(&word), FUTEX_WAIT_BITSET | kPrivate, 0, 0, 0, 2); });
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(linux_call(__NR_futex, arg(&word), FUTEX_WAKE_BITSET, 1, 0, 0, 1), 0);
        native::yield();
    }
    while (linux_call(__NR_futex, arg(&word), FUTEX_WAKE_BITSET, 1, 0, 0, 2) == 0) native::yield();
    thread.join();
}

TEST(Futex, RequeuedThreadsWaitOnTheOther) {
    std::atomic<std::uint32_t> first{0}, second{0};
    TestThread threads[2];
    for (TestThread& thread : threads) thread.start([&] { wait(first, 0); });
    long moved = 0;
    while (moved < 2) {
        moved += linux_call(__NR_futex, arg(&first), FUTEX_CMP_REQUEUE, 0, 10, arg(&second), 0);
    }
    EXPECT_EQ(wake(first, 10), 0);
    EXPECT_EQ(wake(second, 10), 2);
    for (TestThread& thread : threads) thread.join();
    EXPECT_EQ(linux_call(__NR_futex, arg(&first), FUTEX_CMP_REQUEUE, 0, 1, arg(&second), 5),
              -EAGAIN);
}

TEST(Futex, RefusesBadArguments) {
    std::atomic<std::uint32_t> word{0};
    EXPECT_EQ(linux_call(__NR_futex, 0, FUTEX_WAKE, 1), -EINVAL);
    EXPECT_EQ(linux_call(__NR_futex, arg(&word) + 1, FUTEX_WAKE, 1), -EINVAL);
    EXPECT_EQ(linux_call(__NR_futex, arg(&word), FUTEX_LOCK_PI, 1), -ENOSYS);
    EXPECT_EQ(linux_call(__NR_futex, arg(&word), FUTEX_WAIT_BITSET, 0, 0, 0, 0), -EINVAL);
}

}  // namespace
}  // namespace redoubt::posix
