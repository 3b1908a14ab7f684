// Several vCPUs on scripted guests: how they start, how they reach each other, and that they pause
// and end together.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "libhvcall/error.hpp"
#include "libhvcall/model/x86_64/exits.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

namespace exits = hvcall::model::exits;
using Step = GuestMachine::Step;
using Program = GuestMachine::Program;
using hvcall::GuestMemory;
using namespace std::chrono_literals;

constexpr std::uint64_t kInterruptFlag = 1U << 9;
constexpr std::uint32_t kIcr = 0x830;
constexpr std::uint32_t kBootProcessor = 1U << 8;
constexpr std::uint64_t kNmi = 0x400, kInit = 0x4500, kStartup = 0x4600;
constexpr std::uint64_t kAllButSelf = 3U << 18;

Step power_off() { return exits::port_out(0x604, 2, 0x2000 | 5 << 10); }
Step reset() { return exits::port_out(0xCF9, 1, 6); }
/// Local APIC on, x2APIC mode.
Step x2apic(std::uint32_t boot_processor = 0) {
    return exits::write_msr(0x1B, 0xFEE0'0000 | 1U << 11 | 1U << 10 | boot_processor);
}
Step enable_apic() { return exits::write_msr(0x80F, 0x1FF); }
Step send(std::uint64_t command, std::uint64_t destination = 0) {
    return exits::write_msr(kIcr, destination << 32 | command);
}
Step look(std::function<void(abi::VcpuState&)> at, Step next) {
    return [=](abi::VcpuState& state, const GuestMemory& memory) {
        at(state);
        next(state, memory);
    };
}
/// An exit of no meaning.
void nothing(abi::VcpuState& state) {
    state.exit = {};
    state.exit.kind = abi::ExitKind::Interrupted;
}
/// Waits for what another thread does; the test fails rather than hangs.
void wait_for(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(condition());
}
Step when(std::function<bool()> condition, Step next) {
    return look([=](auto&) { wait_for(condition); }, std::move(next));
}
Step halt(std::uint64_t flag) {
    return look([=](auto& s) { s.rflags = (s.rflags & ~kInterruptFlag) | flag; }, exits::halt());
}
/// Counts its rounds in the guest.
Step spin(std::atomic<unsigned>& rounds) {
    return [&rounds](abi::VcpuState& s, const GuestMemory&) {
        ++rounds;
        std::this_thread::sleep_for(1ms);
        nothing(s);
    };
}
bool stands_still(const std::atomic<unsigned>& rounds) {
    std::this_thread::sleep_for(10ms);
    const unsigned before = rounds;
    std::this_thread::sleep_for(20ms);
    return rounds == before;
}

TEST(Smp, AStartupMessageStartsAWaitingProcessorInRealModeAtItsPage) {
    abi::SegmentRegister code{};
    std::uint64_t rip = 1, cr0 = 1;
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kInit, 1),
                                    send(kStartup | 0x9A, 1), send(kStartup | 0x9B, 1)},
                                   {}},
                           Program{{look(
                                       [&](auto& s) {
                                           code = s.segments[abi::kCs];
                                           rip = s.rip;
                                           cr0 = s.cr0;
                                       },
                                       power_off())},
                                   {}}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(code.selector, 0x9A00) << "the second SIPI finds it running";
    EXPECT_EQ(code.base, 0x9A000U);
    EXPECT_EQ(rip, 0U);
    EXPECT_EQ(cr0 & 1, 0U);
}

TEST(Smp, NobodyRunsWithoutAStartupMessage) {
    std::atomic<unsigned> rounds = 0;
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kInit, 1), send(kNmi, 1),
                                    [](abi::VcpuState& s, const GuestMemory&) {
                                        std::this_thread::sleep_for(30ms);
                                        nothing(s);
                                    },
                                    power_off()},
                                   {}},
                           Program{{}, spin(rounds)}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(rounds, 0U);
}

TEST(Smp, InitTakesARunningProcessorBackToWaiting) {
    std::atomic<unsigned> rounds = 0, starts = 0;
    const Step round = [&](abi::VcpuState& s, const GuestMemory& m) {
        if (s.rip == 0) ++starts;
        s.rip = 0x1234;
        spin(rounds)(s, m);
    };
    SmpGuestMachine guest(
        {Program{{x2apic(kBootProcessor), send(kStartup | 1, 1),
                  when([&] { return rounds > 2; }, send(kInit, 1)),
                  when([&] { return stands_still(rounds); }, send(kStartup | 2, 1)),
                  when([&] { return starts == 2; }, send(kStartup | 3, 1)),
                  when([&, seen = 0U]() mutable { return seen++ > 20; }, power_off())},
                 {}},
         Program{{}, round}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(starts, 2U) << "a SIPI has no effect on a processor that runs";
}

TEST(Smp, InitKeepsTheFloatingPointStateAndTheMsrs) {
    abi::VcpuState seen{};
    std::atomic<bool> started = false;
    SmpGuestMachine guest(
        {Program{{x2apic(kBootProcessor), send(kStartup | 1, 1),
                  when([&] { return started.load(); }, send(kInit, 1)), send(kStartup | 2, 1)},
                 {}},
         Program{{exits::write_msr(0x200, 0x1000'0006),
                  look(
                      [&](auto& s) {
                          s.xsave_area[100] = 0x5A;
                          s.lstar = 0x4711;
                          s.cr3 = 0x9000;
                          s.efer = 0x500;
                          s.dr7 = 0x401;
                          s.rip = 0x777;
                          started = true;
                      },
                      [](abi::VcpuState& s, const GuestMemory&) {
                          std::this_thread::sleep_for(50ms);
                          nothing(s);
                      }),
                  exits::read_msr(0x200), look([&](auto& s) { seen = s; }, power_off())},
                 {}}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(seen.segments[abi::kCs].base, 0x2000U);
    EXPECT_EQ(seen.xsave_area[100], 0x5A);
    EXPECT_EQ(seen.lstar, 0x4711U);
    EXPECT_EQ(seen.gpr[abi::kRax], 0x1000'0006U);
    EXPECT_EQ(seen.cr3, 0U);
    EXPECT_EQ(seen.efer, 0U);
    EXPECT_EQ(seen.dr7, 0x400U);
}

TEST(Smp, AnInterruptOfAnotherProcessorWakesAHaltedOne) {
    std::atomic<bool> ready = false;
    SmpGuestMachine guest(
        {Program{{x2apic(kBootProcessor), send(kStartup | 1, 1),
                  when([&] { return ready.load(); }, send(0x4055 | kAllButSelf))},
                 {}},
         Program{{x2apic(), enable_apic(), look([&](auto&) { ready = true; }, halt(kInterruptFlag)),
                  power_off()},
                 {}}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(guest.machine().vcpu(1).statistics().interrupts(0x55), 1U);
    EXPECT_TRUE(guest.machine().vcpu_statistics(0).interrupts.empty());
}

TEST(Smp, HaltingForGoodIsTheEndOnlyWhenAllDo) {
    std::atomic<bool> halted = false;
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kStartup | 1, 1),
                                    when([&] { return halted.load(); }, send(kNmi, 1)), halt(0)},
                                   {}},
                           Program{{look([&](auto&) { halted = true; }, halt(0)), halt(0)}, {}}});
    const auto end = guest.run();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
    EXPECT_EQ(end.reason, "every processor is halted with interrupts disabled");
    EXPECT_EQ(guest.machine().vcpu(1).statistics().exits(abi::ExitKind::Halt), 2U)
        << "the NMI woke it";
}

TEST(Smp, WhatBefallsOneProcessorEndsTheRunAndIsItsOwn) {
    std::atomic<unsigned> rounds = 0;
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kStartup | 1, 1)}, spin(rounds)},
                           Program{{look([](auto& s) { s.rip = 0x99; }, exits::shutdown())}, {}},
                           Program{}});
    const auto end = guest.run();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
    EXPECT_EQ(end.vcpu, 1U);
    EXPECT_EQ(end.reason, "vCPU 1: triple fault at rip=0x99");
}

TEST(Smp, AProcessorThatCannotBeRunEndsTheRun) {
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kStartup | 1, 1)}, {}},
                           Program{{[](abi::VcpuState&, const GuestMemory&) {
                                       throw hvcall::HypervisorError("cannot run a vCPU",
                                                                     abi::Error::NoMemory);
                                   }},
                                   {}}});
    const auto end = guest.run();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
    EXPECT_EQ(end.vcpu, 1U);
    EXPECT_NE(end.reason.find("cannot run a vCPU"), std::string::npos);
}

TEST(Smp, StopEndsAllOfThem) {
    std::atomic<unsigned> rounds = 0;
    SmpGuestMachine guest(
        {Program{{x2apic(kBootProcessor), send(kStartup | 1 | kAllButSelf)}, spin(rounds)},
         Program{}, Program{{}, halt(kInterruptFlag)}, Program{{}, halt(0)}});
    std::thread stopper([&] {
        wait_for([&] { return rounds > 2; });
        guest.machine().vcpus().stop();
    });
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Requested);
    stopper.join();
}

TEST(Smp, AStopBeforeTheRunOrDuringAResetIsNotForgotten) {
    SmpGuestMachine guest({Program{}, Program{}});
    guest.machine().vcpus().stop();
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Requested);
    guest.machine().vcpus().reset();
    guest.machine().vcpus().stop();
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Requested);
    guest.machine().vcpus().reset();
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Reset);
}

TEST(Smp, AllPauseAndTheirCountersAgreeAfterwards) {
    std::atomic<unsigned> first = 0, second = 0;
    std::atomic<std::uint64_t> offsets[2];
    const auto round = [&](std::atomic<unsigned>& rounds, unsigned vcpu) -> Step {
        return [&, vcpu](abi::VcpuState& s, const GuestMemory& m) {
            offsets[vcpu] = s.tsc_offset;
            spin(rounds)(s, m);
        };
    };
    SmpGuestMachine guest(
        {Program{{x2apic(kBootProcessor), send(kStartup | 1, 1)}, round(first, 0)},
         Program{{}, round(second, 1)}, Program{}});
    LoopEnd end;
    std::thread runner([&] { end = guest.run(); });
    wait_for([&] { return first > 0 && second > 0; });
    EXPECT_EQ(offsets[0], offsets[1]);
    const std::uint64_t before = offsets[0];
    auto& vcpus = guest.machine().vcpus();
    for (unsigned i = 0; i < 3; ++i) {
        vcpus.pause();
        EXPECT_TRUE(stands_still(first));
        EXPECT_TRUE(stands_still(second));
        vcpus.resume();
        const unsigned seen_first = first, seen_second = second;
        wait_for([&] { return first > seen_first + 1 && second > seen_second + 1; });
        EXPECT_EQ(offsets[0], offsets[1]);
    }
    EXPECT_GE(before - offsets[0], 3 * 30'000'000U) << "three pauses of 60 ms were no time";
    vcpus.pause();
    vcpus.stop();
    runner.join();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Requested);
}

TEST(Smp, ResetLetsTheOthersWaitAgain) {
    std::atomic<unsigned> rounds = 0;
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kStartup | 1, 1),
                                    when([&] { return rounds > 1; }, reset()),
                                    [&](abi::VcpuState& s, const GuestMemory&) {
                                        EXPECT_TRUE(stands_still(rounds));
                                        nothing(s);
                                    },
                                    power_off()},
                                   {}},
                           Program{{}, spin(rounds)}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Reset);
    guest.machine().power_on();
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
}

TEST(Smp, InitOfTheBootProcessorResetsTheMachine) {
    SmpGuestMachine guest({Program{{x2apic(kBootProcessor), send(kStartup | 1, 1)}, {}},
                           Program{{x2apic(), send(kInit, 0)}, {}}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Reset);
    ASSERT_FALSE(guest.log.empty());
    EXPECT_NE(guest.log.back().find("INIT of its boot processor"), std::string::npos);
}

TEST(Smp, CpuidAndApicSayWhoTheyAre) {
    std::uint64_t leaf1 = 0, topology = 0, base = 0;
    SmpGuestMachine guest(
        {Program{{x2apic(kBootProcessor), send(kStartup | 1, 2)}, {}}, Program{},
         Program{{exits::cpuid(1, 0),
                  look([&](auto& s) { leaf1 = s.gpr[abi::kRbx]; }, exits::cpuid(0xB, 0)),
                  look([&](auto& s) { topology = s.gpr[abi::kRdx]; }, exits::read_msr(0x1B)),
                  look([&](auto& s) { base = s.gpr[abi::kRax]; }, power_off())},
                 {}}});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(leaf1 >> 24, 2U);
    EXPECT_EQ(leaf1 >> 16 & 0xFF, 3U);
    EXPECT_EQ(topology, 2U);
    EXPECT_EQ(base & kBootProcessor, 0U);
}

}  // namespace
}  // namespace redoubt::vmmd
