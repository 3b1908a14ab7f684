// Timers, and the conversions between clocks.
#include "vmmd/timer_queue.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

using TimerQueueTest = DeviceTest;

TEST_F(TimerQueueTest, RunsWhatIsDueEarliestFirst) {
    std::vector<int> order;
    Timer late(timers, [&] { order.push_back(2); });
    Timer early(timers, [&] { order.push_back(1); });
    late.arm(clock.now() + Nanoseconds{20});
    early.arm(clock.now() + Nanoseconds{10});
    EXPECT_EQ(timers.next_deadline(), clock.now() + Nanoseconds{10});
    clock.advance({9});
    EXPECT_EQ(timers.run_expired(), 0U);
    clock.advance({11});
    EXPECT_EQ(timers.run_expired(), 2U);
    EXPECT_EQ(order, (std::vector{1, 2}));
    EXPECT_EQ(timers.next_deadline(), kNever);
}

TEST_F(TimerQueueTest, ArmingAgainReplacesAndCancelForgets) {
    int calls = 0;
    Timer timer(timers, [&] { ++calls; });
    timer.arm(clock.now() + Nanoseconds{10});
    timer.arm(clock.now() + Nanoseconds{50});
    clock.advance({20});
    timers.run_expired();
    EXPECT_EQ(calls, 0);
    timer.cancel();
    clock.advance({50});
    timers.run_expired();
    EXPECT_EQ(calls, 0);
}

TEST_F(TimerQueueTest, ACallbackThatArmsForThePastDoesNotRunForEver) {
    int calls = 0;
    Timer* self = nullptr;
    Timer timer(timers, [&] {
        if (++calls < 3) self->arm(clock.now() + Nanoseconds{1});
    });
    self = &timer;
    timer.arm(clock.now());
    EXPECT_EQ(timers.run_expired(), 1U);
    EXPECT_EQ(calls, 1);
}

TEST_F(TimerQueueTest, TheHookHearsOfEarlierDeadlinesOnly) {
    int hooks = 0;
    timers.set_earlier_hook([&] { ++hooks; });
    Timer a(timers, [] {});
    Timer b(timers, [] {});
    a.arm(clock.now() + Nanoseconds{100});
    EXPECT_EQ(hooks, 1);
    b.arm(clock.now() + Nanoseconds{200});
    EXPECT_EQ(hooks, 1);
    b.arm(clock.now() + Nanoseconds{50});
    EXPECT_EQ(hooks, 2);
    b.cancel();
    EXPECT_EQ(hooks, 2);
    EXPECT_EQ(timers.next_deadline(), clock.now() + Nanoseconds{100});
}

TEST_F(TimerQueueTest, DestroyingATimerWaitsForItsCallback) {
    std::atomic<bool> entered = false;
    std::atomic<bool> left = false;
    auto timer = std::make_unique<Timer>(timers, [&] {
        entered = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        left = true;
    });
    timer->arm(clock.now());
    std::jthread runner([&] { timers.run_expired(); });
    while (!entered) std::this_thread::yield();
    timer.reset();
    EXPECT_TRUE(left);
}

TEST_F(TimerQueueTest, ManyThreadsMayArmAndRun) {
    std::atomic<int> calls = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            Timer timer(timers, [&] { ++calls; });
            for (int n = 0; n < 500; ++n) {
                timer.arm(clock.now());
                timers.run_expired();
                timer.cancel();
            }
        });
    }
    threads.clear();
    EXPECT_GT(calls, 0);
    EXPECT_EQ(timers.next_deadline(), kNever);
}

TEST(CounterScale, ConvertsBothWaysWithinATick) {
    for (const std::uint64_t hz : {25'000'000ULL, 1'000'000'000ULL, 2'399'123'456ULL}) {
        const CounterScale scale(hz);
        for (const std::uint64_t ns :
             {0ULL, 1ULL, 999ULL, 1'000'000'000ULL, 86'400'000'000'000ULL}) {
            const auto ticks = scale.ticks({ns});
            const auto exact = multiply_divide(ns, hz, kNanosecondsPerSecond);
            EXPECT_LE(exact - ticks, 1U) << hz << " " << ns;
            EXPECT_LE(ns - scale.nanoseconds(ticks).count, 1 + kNanosecondsPerSecond / hz);
        }
    }
}

TEST(TscClock, GuestOffsetMovesTheCounterAndItsDeadlines) {
    ManualClock clock;
    clock.set(whole_seconds(5));
    TscClock tsc(clock, 2'000'000'000);
    EXPECT_EQ(tsc.now().count, 10'000'000'000U);
    tsc.set_offset(0ULL - 10'000'000'000U);
    EXPECT_EQ(tsc.now().count, 0U);
    const auto deadline = tsc.time_at({2'000});
    EXPECT_GE(deadline, clock.now() + microseconds(1));
    EXPECT_LE(deadline, clock.now() + microseconds(1) + Nanoseconds{1});
    clock.set(deadline);
    EXPECT_GE(tsc.now().count, 2'000U);
    EXPECT_EQ(tsc.time_at({100}).count, 0U) << "what has passed is due at once";
    EXPECT_EQ(tsc.time_at({~0ULL}), kNever);
}

}  // namespace
}  // namespace redoubt::vmmd
