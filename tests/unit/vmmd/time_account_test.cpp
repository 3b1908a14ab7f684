// Accounts of time: open ones go on, and a reader in another thread never sees more than there was.
#include "vmmd/time_account.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "libhvcall/model/model_hypervisor.hpp"

namespace redoubt::vmmd {
namespace {

using Use = TimeAccount::Use;

TEST(TimeAccount, AnOpenSumGoesOnAndAClosedOneStays) {
    EXPECT_EQ(sum_at(7, {1000}), 7U);
    EXPECT_EQ(sum_at(std::uint64_t{7} - 900, {1000}), 107U);
    EXPECT_EQ(sum_at(std::uint64_t{0} - 900, {900}), 0U);
}

TEST(TimeAccount, EveryMomentOfASessionIsSomeUse) {
    const hvcall::model::ModelHypervisor hypervisor;
    TimeAccount account;
    EXPECT_EQ(account.ticks(Use::Monitor, hypervisor.ticks_now()), 0U);
    const auto before = hypervisor.ticks_now().count;
    {
        const TimeAccount::Session session(account, hypervisor);
        const auto start = hypervisor.ticks_now().count;
        account.change(Use::Run, {start + 1'000'000});
        account.change(Use::Waiting, {start + 3'000'000});
        account.change(Use::Run, {start + 7'000'000});
        EXPECT_EQ(account.ticks(Use::Run, {start + 7'500'000}), 2'500'000U);
        EXPECT_EQ(account.ticks(Use::Waiting, {start + 9'000'000}), 4'000'000U);
        account.change(Use::Monitor, {start + 8'000'000});
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const auto end = hypervisor.ticks_now();
    std::uint64_t all = 0;
    for (const auto use : {Use::Monitor, Use::Run, Use::Waiting, Use::Paused}) {
        all += account.ticks(use, end);
    }
    EXPECT_LE(all, end.count - before);
    EXPECT_GE(all, 10'000'000U);
    EXPECT_EQ(account.ticks(Use::Run, end), 3'000'000U);
    EXPECT_EQ(account.ticks(Use::Run, {end.count + 5}), 3'000'000U) << "it is closed";
}

TEST(TimeAccount, AReaderInAnotherThreadSeesNoImpossibleSum) {
    const hvcall::model::ModelHypervisor hypervisor;
    TimeAccount account;
    const auto before = hypervisor.ticks_now().count;
    std::jthread writer([&](const std::stop_token& stop) {
        const TimeAccount::Session session(account, hypervisor);
        while (!stop.stop_requested()) {
            account.change(Use::Run, hypervisor.ticks_now());
            account.change(Use::Monitor, hypervisor.ticks_now());
        }
    });
    for (int i = 0; i < 20'000; ++i) {
        const auto run = account.ticks(Use::Run, hypervisor.ticks_now());
        ASSERT_LE(run, hypervisor.ticks_now().count - before);
    }
}

TEST(TimeAccount, OneThatWasOpenedAfterTheReadersClockIsNotNegative) {
    EXPECT_EQ(sum_at(0 - std::uint64_t{100}, {90}), 0U);
    EXPECT_EQ(sum_at(0 - std::uint64_t{100}, {101}), 1U);
    EXPECT_EQ(sum_at(7 - std::uint64_t{100}, {95}), 2U);
}

}  // namespace
}  // namespace redoubt::vmmd
