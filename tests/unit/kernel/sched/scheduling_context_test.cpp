// Processor time: shares by weight, limits by budget, and what becomes of threads whose
// SchedulingContext changes or goes away.
#include "kernel/object/scheduling_context.hpp"

#include <gtest/gtest.h>

#include <map>

#include "arch/timer.hpp"
#include "fake_arch/fake.hpp"

namespace redoubt::kernel {
namespace {

using abi::Error;
using abi::ObjectType;
using abi::Rights;
using abi::SchedulingOperation;
using abi::SyscallNumber;
using abi::ThreadOperation;
using fake::Machine;

constexpr std::uint64_t kMillisecond = 1000;
constexpr std::uint64_t kStep = 100;

struct SchedulingTest : testing::Test {
    Machine machine;
    Machine::Slot never = machine.make(ObjectType::Notification);
    std::map<const Thread*, std::uint64_t> ran;  ///< milliseconds

    Error control(Machine::Slot thread, ThreadOperation operation, std::uint64_t value = 0) {
        return machine.call(SyscallNumber::ThreadControl,
                            {thread, static_cast<std::uint64_t>(operation), value});
    }
    Error configure(Machine::Slot context, std::uint64_t weight, std::uint64_t budget = 0,
                    std::uint64_t period = 0) {
        return machine.call(SyscallNumber::SchedulingControl,
                            {context, static_cast<std::uint64_t>(SchedulingOperation::Configure),
                             weight, budget, period});
    }
    Machine::Slot make_context(std::uint64_t weight, std::uint64_t budget = 0,
                               std::uint64_t period = 0) {
        const auto context = machine.make(ObjectType::SchedulingContext);
        EXPECT_EQ(configure(context, weight, budget, period), Error::Ok);
        return context;
    }
    std::uint64_t read(Machine::Slot context, unsigned index) {
        EXPECT_EQ(machine.call(SyscallNumber::SchedulingControl,
                               {context, static_cast<std::uint64_t>(SchedulingOperation::Read)}),
                  Error::Ok);
        return machine.result(index);
    }
    std::uint64_t consumed(Machine::Slot context) { return read(context, 1) / kMillisecond; }
    std::uint64_t throttled(Machine::Slot context) { return read(context, 2); }

    Machine::NewThread make_spinner(Machine::Slot context, unsigned priority = 100) {
        const auto made = machine.make_thread(priority);
        if (context == 0) return made;
        EXPECT_EQ(control(made.slot, ThreadOperation::SetScheduling, context), Error::Ok);
        return made;
    }
    /// Init waits, and whoever has the processor meanwhile uses it.
    void spin(std::uint64_t milliseconds) {
        std::map<const Thread*, std::uint64_t> ticks;
        machine.call(SyscallNumber::Wait, {never, fake_ticks + milliseconds * kMillisecond});
        while (&machine.running() != &machine.init()) {
            ticks[&machine.running()] += kStep;
            fake::advance(kStep);
            machine.reschedule();
        }
        ran.clear();
        for (const auto& [thread, time] : ticks) ran[thread] = (time + 500) / kMillisecond;
    }
};

TEST_F(SchedulingTest, EqualPrioritiesShareByTheirWeights) {
    const auto light = make_context(100), heavy = make_context(300);
    const auto a = make_spinner(light), b = make_spinner(heavy);
    spin(400);
    EXPECT_NEAR(ran[a.thread], 100, 10);
    EXPECT_NEAR(ran[b.thread], 300, 10);
    EXPECT_EQ(consumed(light), ran[a.thread]);
    EXPECT_EQ(consumed(heavy), ran[b.thread]);
    ASSERT_EQ(configure(light, 300), Error::Ok);
    spin(600);
    EXPECT_NEAR(ran[a.thread], 300, 30);
}

TEST_F(SchedulingTest, AThreadWithoutContextHasTheNormalWeight) {
    const auto a = make_spinner(0), b = make_spinner(make_context(50));
    spin(600);
    EXPECT_NEAR(ran[a.thread], 400, 20);
    EXPECT_NEAR(ran[b.thread], 200, 20);
}

TEST_F(SchedulingTest, MoreThreadsDoNotMakeAShareLarger) {
    const auto many = make_context(100), one = make_context(100);
    Machine::NewThread crowd[5];
    for (auto& thread : crowd) thread = make_spinner(many);
    const auto alone = make_spinner(one);
    spin(1000);
    EXPECT_NEAR(ran[alone.thread], 500, 30);
    EXPECT_NEAR(consumed(many), 500, 30);
    for (const auto& thread : crowd) EXPECT_NEAR(ran[thread.thread], 100, 15);
    // Those that do not run do not count.
    for (unsigned i = 1; i < 5; ++i) control(crowd[i].slot, ThreadOperation::Suspend);
    spin(200);
    EXPECT_NEAR(ran[crowd[0].thread], 100, 20);
}

TEST_F(SchedulingTest, ALimitHoldsEvenIfNobodyElseRuns) {
    const auto context = make_context(100, 20 * kMillisecond, 100 * kMillisecond);
    const auto a = make_spinner(context);
    spin(950);
    EXPECT_NEAR(ran[a.thread], 200, 3);
    EXPECT_NEAR(consumed(context), 200, 3);
    EXPECT_NEAR(throttled(context), 10, 1);
    EXPECT_EQ(a.thread->state, ThreadState::Throttled);
}

TEST_F(SchedulingTest, ALimitIsForAllThreadsTogetherAndOthersGetTheRest) {
    const auto context = make_context(1000, 30 * kMillisecond, 100 * kMillisecond);
    Machine::NewThread crowd[3];
    for (auto& thread : crowd) thread = make_spinner(context, 150);
    const auto other = make_spinner(0);
    spin(1000);
    EXPECT_NEAR(consumed(context), 300, 5);
    EXPECT_NEAR(ran[other.thread], 700, 5);
    // Not always the same one.
    for (const auto& thread : crowd) EXPECT_NEAR(ran[thread.thread], 100, 40);
}

TEST_F(SchedulingTest, WhatGoesBeyondTheBudgetIsMissingInTheNextPeriod) {
    SchedulingContext context;
    context.configure(100, 10, 100);
    const std::uint64_t start = context.period_end - 100;
    EXPECT_FALSE(context.charge(start, start + 9));
    EXPECT_TRUE(context.has_time(start + 9));
    EXPECT_TRUE(context.charge(start + 9, start + 16));
    EXPECT_FALSE(context.charge(start + 16, start + 17)) << "said once";
    EXPECT_FALSE(context.has_time(start + 99));
    EXPECT_TRUE(context.has_time(start + 100));
    EXPECT_EQ(context.used, 7U);
    EXPECT_TRUE(context.charge(start + 100, start + 103));
    EXPECT_FALSE(context.has_time(start + 150));
    // Periods in which nothing ran are not saved up.
    EXPECT_TRUE(context.has_time(start + 950));
    EXPECT_EQ(context.used, 0U);
    EXPECT_EQ(context.period_end, start + 1000);
    // A run across the end of a period is charged to both.
    EXPECT_FALSE(context.charge(start + 995, start + 1004));
    EXPECT_EQ(context.used, 4U);
    EXPECT_FALSE(context.charge(start + 1010, start + 1009)) << "another processor's clock";
    EXPECT_EQ(context.consumed, 9U + 7 + 1 + 3 + 9);
}

TEST_F(SchedulingTest, WhoeverWakesUpWithoutTimeWaitsForIt) {
    const auto context = make_context(100, 20 * kMillisecond, 100 * kMillisecond);
    const auto spinner = make_spinner(context);
    const auto notification = machine.make(ObjectType::Notification);
    const auto waiter = make_spinner(context, 150);
    machine.call(SyscallNumber::Wait, {never, fake_ticks + kMillisecond});
    ASSERT_EQ(&machine.running(), waiter.thread);
    machine.call(SyscallNumber::Wait, {notification, abi::kNever});
    fake::advance(kMillisecond);
    machine.reschedule();
    spin(50);
    ASSERT_EQ(spinner.thread->state, ThreadState::Throttled);
    machine.call(SyscallNumber::Signal, {notification});
    EXPECT_EQ(waiter.thread->state, ThreadState::Throttled);
    spin(20);
    EXPECT_EQ(ran[waiter.thread], 0U);
    spin(100);
    EXPECT_EQ(ran[waiter.thread], 20U) << "it is better than the other one";
}

TEST_F(SchedulingTest, AServerIsNotThrottledWithItsCaller) {
    const auto endpoint = machine.make(ObjectType::Endpoint);
    const auto reply = machine.make(ObjectType::Reply);
    const auto both = endpoint | std::uint64_t{reply} << 32;
    const auto server = make_spinner(0, 150);
    machine.call(SyscallNumber::Wait, {never, fake_ticks + kMillisecond});
    ASSERT_EQ(&machine.running(), server.thread);
    machine.call(SyscallNumber::Recv, {both});
    ASSERT_NE(&machine.running(), server.thread);
    const auto context = make_context(100, 20 * kMillisecond, 100 * kMillisecond);
    const auto client = make_spinner(context, 100);
    machine.call(SyscallNumber::Wait, {never, fake_ticks + 200 * kMillisecond});
    ASSERT_EQ(&machine.running(), client.thread);
    fake::advance(19 * kMillisecond);
    machine.call(SyscallNumber::Call, {endpoint, abi::MessageInfo{1, 0}.raw});
    ASSERT_EQ(&machine.running(), server.thread);
    for (unsigned i = 0; i < 50; ++i) {
        fake::advance(kMillisecond);
        machine.reschedule();
        ASSERT_EQ(&machine.running(), server.thread);
    }
    machine.call(SyscallNumber::ReplyRecv, {both, abi::MessageInfo{0, 0}.raw});
    ASSERT_EQ(&machine.running(), client.thread) << "its own time is not over";
    fake::advance(2 * kMillisecond);
    machine.reschedule();
    EXPECT_EQ(fake_ticks, client.thread->scheduling->period_end - 100 * kMillisecond);
    EXPECT_EQ(&machine.running(), client.thread) << "nobody runs, until it is its turn again";
    EXPECT_EQ(client.thread->scheduling->throttled, 1U);
}

TEST_F(SchedulingTest, AnAnswerToACallerWithoutTimeWaitsToo) {
    const auto endpoint = machine.make(ObjectType::Endpoint);
    const auto reply = machine.make(ObjectType::Reply);
    const auto context = make_context(100, 20 * kMillisecond, 100 * kMillisecond);
    const auto client = make_spinner(context, 150);
    const auto spinner = make_spinner(context, 100);
    machine.call(SyscallNumber::Wait, {never, fake_ticks + 50 * kMillisecond});
    ASSERT_EQ(&machine.running(), client.thread);
    machine.call(SyscallNumber::Call, {endpoint, abi::MessageInfo{1, 0}.raw});
    ASSERT_EQ(&machine.running(), spinner.thread);
    fake::advance(20 * kMillisecond);
    machine.reschedule();
    ASSERT_EQ(&machine.running(), &machine.init());
    machine.call(SyscallNumber::Recv, {endpoint | std::uint64_t{reply} << 32});
    machine.call(SyscallNumber::ReplyRecv,
                 {endpoint | std::uint64_t{reply} << 32, abi::MessageInfo{0, 0}.raw});
    EXPECT_EQ(&machine.running(), client.thread) << "after the new period has begun";
    EXPECT_EQ(fake_ticks % 1000, client.thread->scheduling->period_end % 1000);
}

TEST_F(SchedulingTest, NewThreadsHaveTheContextOfWhoMakesThemAndCannotLeaveIt) {
    const auto context = make_context(100), other = make_context(100);
    ASSERT_EQ(control(0, ThreadOperation::SetScheduling, context), Error::Ok);
    const auto made = machine.make_thread(100);
    EXPECT_EQ(made.thread->scheduling, machine.init().scheduling);
    EXPECT_EQ(control(made.slot, ThreadOperation::SetScheduling, other), Error::InvalidState);
    EXPECT_EQ(control(0, ThreadOperation::SetScheduling, other), Error::InvalidState);
    EXPECT_EQ(control(0, ThreadOperation::SetScheduling, 0), Error::InvalidCapability);
    fake::advance(7 * kMillisecond);
    EXPECT_EQ(consumed(context), 7U) << "up to now, though it still runs";
}

TEST_F(SchedulingTest, WithTheContextItsLimitGoesAndThreadsGoOn) {
    const auto pool = machine.make(ObjectType::Untyped, 12);
    const auto context = machine.make(ObjectType::SchedulingContext, 0, pool);
    ASSERT_EQ(configure(context, 100, 10 * kMillisecond, 100 * kMillisecond), Error::Ok);
    Machine::NewThread crowd[3];
    for (auto& thread : crowd) thread = make_spinner(context);
    spin(50);
    for (const auto& thread : crowd) ASSERT_EQ(thread.thread->state, ThreadState::Throttled);
    ASSERT_EQ(machine.call(SyscallNumber::CapRevoke, {0, pool}), Error::Ok);
    for (const auto& thread : crowd) {
        EXPECT_EQ(thread.thread->state, ThreadState::Ready);
        EXPECT_EQ(thread.thread->scheduling, nullptr);
    }
    EXPECT_EQ(machine.free_bytes(pool), 1U << 12);
    spin(90);
    for (const auto& thread : crowd) EXPECT_NEAR(ran[thread.thread], 30, 10);
}

TEST_F(SchedulingTest, ACapabilityThatIsOnlyDeletedLeavesThreadsTheirContext) {
    const auto context = make_context(100, 10 * kMillisecond, 100 * kMillisecond);
    const auto a = make_spinner(context);
    ASSERT_EQ(machine.call(SyscallNumber::CapDelete, {0, context}), Error::Ok);
    spin(500);
    EXPECT_NEAR(ran[a.thread], 50, 2);
    // The thread that runs in it revokes it: it is not charged to what is gone.
    const auto own = machine.make(ObjectType::SchedulingContext);
    ASSERT_EQ(control(0, ThreadOperation::SetScheduling, own), Error::Ok);
    ASSERT_EQ(machine.call(SyscallNumber::CapRevoke, {0, own}), Error::Ok);
    EXPECT_EQ(machine.init().scheduling, nullptr);
    ASSERT_EQ(machine.call(SyscallNumber::CapDelete, {0, own}), Error::Ok);
    spin(10);
}

TEST_F(SchedulingTest, ThrottledThreadsCanBeStoppedMovedAndDestroyed) {
    const auto context = make_context(100, 10 * kMillisecond, 100 * kMillisecond);
    Machine::NewThread crowd[4];
    for (auto& thread : crowd) thread = make_spinner(context);
    spin(50);
    // The first in the queue has the timer: whoever comes next inherits it.
    const Thread& first = *crowd[0].thread->scheduling->waiting.front();
    for (auto& thread : crowd) {
        if (thread.thread != &first) continue;
        EXPECT_EQ(control(thread.slot, ThreadOperation::Suspend), Error::Ok);
        EXPECT_EQ(first.state, ThreadState::Inactive);
        EXPECT_EQ(control(thread.slot, ThreadOperation::Resume), Error::Ok);
        EXPECT_EQ(first.state, ThreadState::Throttled);
    }
    EXPECT_EQ(control(crowd[1].slot, ThreadOperation::SetPriority, 99), Error::Ok);
    EXPECT_EQ(control(crowd[1].slot, ThreadOperation::SetAffinity, 1), Error::Ok);
    EXPECT_EQ(machine.call(SyscallNumber::CapDelete, {0, crowd[2].slot}), Error::Ok);
    const auto other = make_context(100);
    EXPECT_EQ(control(crowd[3].slot, ThreadOperation::SetScheduling, other), Error::Ok);
    EXPECT_EQ(crowd[3].thread->state, ThreadState::Ready);
    spin(1000);
    EXPECT_NEAR(ran[crowd[0].thread], 100, 12);
    EXPECT_EQ(ran[crowd[1].thread], 0U) << "not as good as the others";
    EXPECT_NEAR(ran[crowd[3].thread], 900, 12);
}

TEST_F(SchedulingTest, AHigherLimitCountsAtOnce) {
    const auto context = make_context(100, 10 * kMillisecond, 1000 * kMillisecond);
    const auto a = make_spinner(context);
    spin(50);
    ASSERT_EQ(a.thread->state, ThreadState::Throttled);
    ASSERT_EQ(configure(context, 100, 100 * kMillisecond, 1000 * kMillisecond), Error::Ok);
    spin(50);
    EXPECT_EQ(ran[a.thread], 50U);
    ASSERT_EQ(configure(context, 100), Error::Ok);
    spin(200);
    EXPECT_EQ(ran[a.thread], 200U);
}

TEST_F(SchedulingTest, ManyThreadsAreThrottledAndReleasedInSteps) {
    const auto context = make_context(100, 10 * kMillisecond, 100 * kMillisecond);
    std::vector<Machine::NewThread> crowd;
    for (unsigned i = 0; i < 100; ++i) crowd.push_back(make_spinner(context));
    const auto other = make_spinner(0, 99);
    spin(1000);
    EXPECT_NEAR(consumed(context), 100, 5);
    EXPECT_NEAR(ran[other.thread], 900, 5);
}

TEST_F(SchedulingTest, ImpossibleValuesAreRefused) {
    const auto context = make_context(100);
    const std::uint64_t second = ticks_per_second();
    EXPECT_EQ(configure(context, 0), Error::InvalidArgument);
    EXPECT_EQ(configure(context, 1001), Error::InvalidArgument);
    EXPECT_EQ(configure(context, 100, 1, 0), Error::InvalidArgument);
    EXPECT_EQ(configure(context, 100, 1, second / 1000 - 1), Error::InvalidArgument);
    EXPECT_EQ(configure(context, 100, 1, second + 1), Error::InvalidArgument);
    EXPECT_EQ(configure(context, 100, 64 * second + 1, second), Error::InvalidArgument);
    EXPECT_EQ(configure(context, 7, 5, second), Error::Ok);
}

}  // namespace
}  // namespace redoubt::kernel
