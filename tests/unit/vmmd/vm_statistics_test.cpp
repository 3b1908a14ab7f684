// A machine's statistics on scripted guests.
#include "vmmd/vm_statistics.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "libhvcall/model/x86_64/exits.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

namespace exits = hvcall::model::exits;
using namespace std::chrono_literals;

std::uint64_t all_of(const VcpuTimes& times) {
    return times.guest.count + times.kernel.count + times.monitor.count + times.waiting.count +
           times.paused.count;
}

TEST(VmStatistics, SumsAddUpByName) {
    std::vector<VcpuStatistics> vcpus(2);
    vcpus[0].exits = {{"port_io", 3}, {"hlt", 1}};
    vcpus[1].exits = {{"hlt", 4}, {"msr", 5}};
    EXPECT_EQ(sum(vcpus), (Counters{{"port_io", 3}, {"hlt", 5}, {"msr", 5}}));
}

TEST(MachineStatistics, ExitsAndRaisedExceptionsAreCounted) {
    GuestMachine guest({exits::port_in(0x3FD, 1), exits::port_in(0x3FD, 1), exits::read_msr(0x9999),
                        exits::shutdown()});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Crash);
    const auto statistics = guest.machine().vcpu_statistics(0);
    EXPECT_EQ(statistics.exits, (Counters{{"port_io", 2}, {"shutdown", 1}, {"msr", 1}}));
    EXPECT_EQ(statistics.exceptions, 1U);
    EXPECT_EQ(guest.machine().memory_statistics().guest, 32U << 20);
#ifndef __SANITIZE_ADDRESS__  // whose allocator says nothing of itself to mallinfo2
    EXPECT_GT(guest.machine().memory_statistics().monitor_heap, 0U);
#endif
}

TEST(MachineStatistics, TimeInTheGuestGoesOnWhileItRuns) {
    GuestMachine guest({});
    std::jthread runner([&] { guest.run(); });
    const auto guest_time = [&] { return guest.machine().vcpu_statistics(0).times.guest.count; };
    while (guest_time() == 0) std::this_thread::yield();
    const auto before = guest_time();
    std::this_thread::sleep_for(20ms);
    EXPECT_GE(guest_time(), before + 15'000'000);
    guest.machine().vcpus().stop();
    runner.join();
    const auto times = guest.machine().vcpu_statistics(0).times;
    EXPECT_GE(times.guest.count, before + 15'000'000);
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(all_of(guest.machine().vcpu_statistics(0).times), all_of(times)) << "it has ended";
}

TEST(MachineStatistics, PausesAndWaitingAreTold) {
    SmpGuestMachine guest({{}, {}});
    std::jthread runner([&] { guest.run(); });
    guest.machine().vcpus().pause();
    std::this_thread::sleep_for(30ms);
    guest.machine().vcpus().resume();
    while (guest.machine().vcpu_statistics(1).times.waiting.count < 10'000'000) {
        std::this_thread::sleep_for(1ms);
    }
    guest.machine().vcpus().stop();
    runner.join();
    for (unsigned vcpu : {0U, 1U}) {
        EXPECT_GT(guest.machine().vcpu_statistics(vcpu).times.paused.count, 0U);
    }
    EXPECT_EQ(guest.machine().vcpu_statistics(1).times.guest.count, 0U) << "nobody started it";
    EXPECT_EQ(guest.machine().vcpu_statistics(0).times.waiting.count, 0U);
}

}  // namespace
}  // namespace redoubt::vmmd
