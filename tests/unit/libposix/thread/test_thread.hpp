// A thread made with libposix's own clone, for tests.
#pragma once

#include <asm/unistd.h>
#include <linux/sched.h>

#include <atomic>
#include <functional>

#include "libposix/process.hpp"
#include "libposix/thread/thread.hpp"
#include "tests/unit/libposix/environment.hpp"

namespace redoubt::test {

/// Its body runs in a host thread of the fake kernel; its end is the system call exit, as with real
/// programs.
class TestThread {
  public:
    static constexpr std::uint64_t kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                            CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                                            CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

    long start(std::function<void()> body) {
        static std::atomic<TestThread*> starting{nullptr};
        body_ = std::move(body);
        TestThread* none = nullptr;
        while (!starting.compare_exchange_weak(none, this)) none = nullptr;
        posix::Frame frame{};
        frame.pc = reinterpret_cast<std::uint64_t>(+[] {
            TestThread* self = starting.exchange(nullptr);
            self->body_();
            linux_call(__NR_exit, 0);
        });
        const posix::ProcessLock lock{posix::process().lock};
        return posix::clone_thread(frame, kFlags, arg(&frame), &tid_, &tid_, 0);
    }

    /// As pthread_join does: until the kernel's side has cleared the thread's id.
    void join() {
        for (;;) {
            const std::uint32_t tid = __atomic_load_n(&tid_, __ATOMIC_SEQ_CST);
            if (tid == 0) return;
            constexpr std::uint64_t kWait = 0;  // FUTEX_WAIT
            linux_call(__NR_futex, arg(&tid_), kWait, tid);
        }
    }

    std::uint32_t tid() const { return tid_; }

  private:
    std::function<void()> body_;
    std::uint32_t tid_ = 0;
};

}  // namespace redoubt::test
