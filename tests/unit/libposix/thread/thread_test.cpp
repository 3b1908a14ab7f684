// Tests of clone and exit.
#include "libposix/thread/thread.hpp"

#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/errno.h>

#include <atomic>

#include "libposix/process.hpp"
#include "tests/unit/libposix/environment.hpp"
#include "tests/unit/libposix/thread/test_thread.hpp"

namespace redoubt::posix {
namespace {

using test::arg;
using test::linux_call;
using test::TestThread;

TEST(Thread, RunsAndIsJoinedThroughItsClearedId) {
    std::atomic<long> inner{0};
    TestThread thread;
    const long tid = thread.start([&] { inner = linux_call(__NR_gettid); });
    EXPECT_GT(tid, 2);
    thread.join();
    EXPECT_EQ(inner, tid);
    EXPECT_NE(linux_call(__NR_gettid), tid);
    EXPECT_EQ(linux_call(__NR_getpid), 2);
}

TEST(Thread, EndedThreadsAreUsedAgain) {
    const auto count = [] {
        const ProcessLock lock{process().lock};
        int threads = 0;
        for (Thread* at = process().threads; at != nullptr; at = at->next) ++threads;
        return threads;
    };
    TestThread first;
    first.start([] {});
    first.join();
    const int before = count();
    for (int i = 0; i < 50; ++i) {
        TestThread thread;
        ASSERT_GT(thread.start([] {}), 0);
        thread.join();
    }
    // The joined thread may still be on its way to where it parks.
    EXPECT_LE(count(), before + 2);
}

TEST(Thread, OnlyThreadsCanBeCloned) {
    const Frame frame{};
    std::uint32_t tid = 0;
    const ProcessLock lock{process().lock};
    EXPECT_EQ(clone_thread(frame, CLONE_VM, arg(&tid), &tid, &tid, 0), -ENOSYS);
    EXPECT_EQ(clone_thread(frame, TestThread::kFlags, 0, &tid, &tid, 0), -ENOSYS);
}

TEST(Thread, TheIpcBufferIsPutBack) {
    abi::IpcBuffer& buffer = native::ipc_buffer();
    buffer.words[7] = 77;
    buffer.send[0] = 5;
    buffer.receive_first = 9;
    {
        const IpcScope scope;
        EXPECT_EQ(buffer.receive_first, 0U);
        buffer.words[7] = 1;
        buffer.send[0] = 1;
        buffer.receive_first = 1;
    }
    EXPECT_EQ(buffer.words[7], 77U);
    EXPECT_EQ(buffer.send[0], 5U);
    EXPECT_EQ(buffer.receive_first, 9U);
    native::expect_capabilities(0, 0);
}

TEST(Thread, UnknownSystemCallsAreRefused) {
    EXPECT_EQ(linux_call(499), -ENOSYS);
    EXPECT_EQ(linux_call(~std::uint64_t{0}), -ENOSYS);
    EXPECT_EQ(linux_call(__NR_clone3), -ENOSYS);
}

}  // namespace
}  // namespace redoubt::posix
