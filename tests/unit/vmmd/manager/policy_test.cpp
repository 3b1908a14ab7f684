// What the manager decides by itself: restarts, how much it listens to a monitor, and what a
// monitor is given on Redoubt.
#include <gtest/gtest.h>

#include "schemes/init/start_list.hpp"
#include "vmmd/manager/event_allowance.hpp"
#include "vmmd/manager/native_spawner.hpp"
#include "vmmd/manager/restart_backoff.hpp"

namespace redoubt::vmmd {
namespace {

using namespace std::chrono_literals;

TEST(RestartBackoff, FollowsThePolicy) {
    EXPECT_FALSE(RestartBackoff(RestartPolicy::Never, 0).after(VmEnd::Crashed, 0ms));
    EXPECT_FALSE(RestartBackoff(RestartPolicy::OnFailure, 0).after(VmEnd::Clean, 0ms));
    EXPECT_TRUE(RestartBackoff(RestartPolicy::OnFailure, 0).after(VmEnd::Crashed, 0ms));
    EXPECT_TRUE(RestartBackoff(RestartPolicy::OnFailure, 0).after(VmEnd::FailedToStart, 0ms));
    EXPECT_TRUE(RestartBackoff(RestartPolicy::Always, 0).after(VmEnd::Clean, 0ms));
}

TEST(RestartBackoff, DoublesUpToHalfAMinuteAndForgetsAfterAGoodRun) {
    RestartBackoff backoff(RestartPolicy::Always, 0);
    for (const auto expected :
         {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 12800ms, 25600ms, 30000ms, 30000ms}) {
        EXPECT_EQ(backoff.after(VmEnd::Crashed, 59s), expected);
    }
    EXPECT_EQ(backoff.after(VmEnd::Crashed, 60s), 100ms);
}

TEST(RestartBackoff, StopsAtTheLimitUntilStartedByHand) {
    RestartBackoff backoff(RestartPolicy::Always, 2);
    EXPECT_TRUE(backoff.after(VmEnd::Crashed, 0ms));
    EXPECT_TRUE(backoff.after(VmEnd::Crashed, 0ms));
    EXPECT_FALSE(backoff.after(VmEnd::Crashed, 0ms));
    backoff.reset();
    EXPECT_TRUE(backoff.after(VmEnd::Crashed, 0ms));
}

TEST(EventAllowance, LetsABurstThroughAndThenAFew) {
    EventAllowance allowance;
    const EventAllowance::Time start{1h};
    unsigned passed = 0;
    for (unsigned i = 0; i < 1000; ++i) passed += allowance.take(start) ? 1 : 0;
    EXPECT_LE(passed, EventAllowance::kBurst + 1);
    EXPECT_GE(passed, EventAllowance::kBurst);
    EXPECT_TRUE(allowance.take(start + EventAllowance::kPerEvent));
    EXPECT_FALSE(allowance.take(start + EventAllowance::kPerEvent));
}

TEST(MonitorStartLine, NamesThePathsOfTheConfigurationOnly) {
    VmConfig config;
    config.name = "web";
    config.memory_bytes = 256 << 20;
    config.cpus = 2;
    config.kernel = "initfs:/guests/vm linuz,1";
    config.serial = "unix:/run/web.sock";
    EXPECT_EQ(monitor_start_line(config),
              "vm.web bin/monitor uses=log:vm.web,chan:/run/monitor/web.sock,"
              "initfs:/guests/vm%20linuz%2C1,chan:/run/web.sock memory=265728K heap=1M priority=100 "
              "share=100 grant=hv -- --socket /run/monitor/web.sock");
}

TEST(MonitorStartLine, CarriesTheShareAndTheLimitSoThatInitReadsThem) {
    VmConfig config;
    config.name = "web";
    config.cpu_share = 300;
    config.cpu_limit = 50;
    const std::string line = monitor_start_line(config);
    init::StartListParser parser(line);
    init::StartEntry entry;
    ASSERT_TRUE(parser.next(entry));
    ASSERT_FALSE(parser.error()) << parser.error()->message;
    EXPECT_EQ(entry.share, 300U);
    EXPECT_EQ(entry.limit, 50U);
}

}  // namespace
}  // namespace redoubt::vmmd
