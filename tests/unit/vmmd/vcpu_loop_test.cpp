// The vCPU loop and the exit router on a scripted guest: every way an exit can go, every way a run
// can end.
#include "vmmd/vcpu_loop.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "libhvcall/model/x86_64/exits.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

namespace exits = hvcall::model::exits;
using Step = GuestMachine::Step;
using hvcall::GuestMemory;
using namespace std::chrono_literals;

/// Ends the script: the guest powers off through ACPI.
Step power_off() { return exits::port_out(0x604, 2, 0x2000 | 5 << 10); }
/// Looks at the registers as the guest would after the exit before, then does `next`.
Step look(std::function<void(abi::VcpuState&)> at, Step next) {
    return [=](abi::VcpuState& state, const GuestMemory& memory) {
        at(state);
        next(state, memory);
    };
}
constexpr std::uint64_t kInterruptFlag = 1U << 9;

TEST(VcpuLoop, PowerOffEndsTheRun) {
    GuestMachine guest({power_off()});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
}

TEST(VcpuLoop, ResetCanBeFollowedByAnotherRun) {
    GuestMachine guest({exits::port_out(0xCF9, 1, 6), power_off()});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Reset);
    ASSERT_FALSE(guest.log.empty());
    EXPECT_NE(guest.log.back().find("resets itself"), std::string::npos);
    guest.machine().power_on();
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
}

TEST(VcpuLoop, KeyboardControllerResets) {
    GuestMachine guest({exits::port_out(0x64, 1, 0xFE)});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Reset);
}

TEST(VcpuLoop, TripleFaultIsACrashWithItsPlace) {
    GuestMachine guest({look([](auto& s) { s.rip = 0x1234; }, exits::shutdown())});
    const auto end = guest.run();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
    EXPECT_EQ(end.reason, "triple fault at rip=0x1234");
}

TEST(VcpuLoop, HaltWithInterruptsOffIsACrash) {
    GuestMachine guest({exits::halt()});
    const auto end = guest.run();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
    EXPECT_EQ(end.reason, "halted with interrupts disabled at rip=0xfff1");
}

TEST(VcpuLoop, FetchFromNowhereIsACrash) {
    GuestMachine guest({[](abi::VcpuState& s, const GuestMemory&) {
        s.exit.kind = abi::ExitKind::Mmio;
        s.exit.info1 = 0xDEAD'F000;
        s.exit.detail = abi::MmioDetail::kFetch;
    }});
    EXPECT_NE(guest.run().reason.find("guest-physical address 0xdeadf000"), std::string::npos);
}

TEST(VcpuLoop, EntryFailureIsACrash) {
    GuestMachine guest({[](abi::VcpuState& s, const GuestMemory&) {
        s.exit.kind = abi::ExitKind::EntryFailure;
        s.exit.info1 = 0xFFFF'FFFF;
    }});
    EXPECT_NE(guest.run().reason.find("refused the guest's state (code 0xffffffff)"),
              std::string::npos);
}

TEST(VcpuLoop, StopFromAnotherThreadEndsAGuestThatNeverExits) {
    GuestMachine guest({});
    std::thread stopper([&] {
        std::this_thread::sleep_for(20ms);
        guest.machine().vcpus().stop();
    });
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Requested);
    stopper.join();
}

TEST(VcpuLoop, PausedGuestDoesNotRunUntilItIsResumed) {
    std::atomic<unsigned> runs = 0;
    GuestMachine guest({}, [&](abi::VcpuState& s, const GuestMemory&) {
        ++runs;
        std::this_thread::sleep_for(1ms);
        s.exit = {};
        s.exit.kind = abi::ExitKind::Interrupted;
    });
    LoopEnd end;
    std::thread runner([&] { end = guest.run(); });
    while (runs == 0) std::this_thread::sleep_for(1ms);
    guest.machine().vcpus().pause();
    std::this_thread::sleep_for(20ms);
    const unsigned before = runs;
    std::this_thread::sleep_for(30ms);
    EXPECT_EQ(runs, before);
    guest.machine().vcpus().resume();
    while (runs == before) std::this_thread::sleep_for(1ms);
    guest.machine().vcpus().pause();
    guest.machine().vcpus().stop();
    runner.join();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Requested) << "a paused guest can be stopped";
}

TEST(VcpuLoop, PauseIsNoTimeForTheGuest) {
    std::atomic<bool> pause_now = false, pausing = false;
    std::vector<std::uint64_t> offsets;
    GuestMachine guest({exits::cpuid(0, 0),
                        [&](abi::VcpuState& s, const GuestMemory& m) {
                            offsets.push_back(s.tsc_offset);
                            pause_now = true;
                            while (!pausing) std::this_thread::sleep_for(1ms);
                            exits::cpuid(0, 0)(s, m);
                        },
                        [&](abi::VcpuState& s, const GuestMemory& m) {
                            offsets.push_back(s.tsc_offset);
                            power_off()(s, m);
                        }});
    std::thread controller([&] {
        while (!pause_now) std::this_thread::sleep_for(1ms);
        guest.machine().vcpus().pause();
        pausing = true;
        while (!guest.machine().vcpus().all_parked()) std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(100ms);
        guest.machine().vcpus().resume();
    });
    guest.run();
    controller.join();
    ASSERT_EQ(offsets.size(), 2U);
    // Model ticks are nanoseconds.
    EXPECT_GE(offsets[0] - offsets[1], 60'000'000U);
}

TEST(VcpuLoop, SerialOutputArrives) {
    GuestMachine guest(
        {exits::port_out(0x3F8, 1, 'o'), exits::port_out(0x3F8, 1, 'k'), power_off()});
    guest.run();
    EXPECT_EQ(guest.serial.text, "ok");
}

TEST(VcpuLoop, PortReadsFillOnlyTheirPartOfRax) {
    std::uint64_t byte = 0, dword = 0;
    GuestMachine guest(
        {look([](auto& s) { s.gpr[0] = 0x1111'2222'3333'4444; }, exits::port_in(0x9999, 1)),
         look([&](auto& s) { byte = s.gpr[0]; }, exits::port_in(0x9999, 4)),
         look([&](auto& s) { dword = s.gpr[0]; }, power_off())});
    guest.run();
    EXPECT_EQ(byte, 0x1111'2222'3333'44FFU);
    EXPECT_EQ(dword, 0xFFFF'FFFFU);
}

TEST(VcpuLoop, TimerInterruptWakesAHaltedGuest) {
    // Local APIC in x2APIC mode, one-shot timer on vector 0x40.
    GuestMachine guest({exits::write_msr(0x1B, 0xFEE0'0000 | 1U << 11 | 1U << 10 | 1U << 8),
                        exits::write_msr(0x80F, 0x1FF), exits::write_msr(0x832, 0x40),
                        exits::write_msr(0x83E, 0xB), exits::write_msr(0x838, 5'000'000),
                        look([](auto& s) { s.rflags |= kInterruptFlag; }, exits::halt())},
                       [&](abi::VcpuState& s, const GuestMemory& m) { power_off()(s, m); });
    // The model forgets `inject` at entry, as the processor does; the statistics remember.
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(guest.machine().vcpu(0).statistics().interrupts(0x40), 1U);
    EXPECT_EQ(guest.machine().vcpu(0).statistics().exits(abi::ExitKind::Halt), 1U);
}

TEST(VcpuLoop, TimerThatIsDueWhenAPauseEndsIsNotLost) {
    std::thread controller;
    GuestMachine guest({exits::write_msr(0x1B, 0xFEE0'0000 | 1U << 11 | 1U << 10 | 1U << 8),
                        exits::write_msr(0x80F, 0x1FF),
                        exits::write_msr(0x832, 0x40 | 2U << 17),  // TSC-deadline mode
                        [&](abi::VcpuState& s, const GuestMemory& m) {
                            guest.machine().vcpus().pause();
                            controller = std::thread([&] {
                                std::this_thread::sleep_for(20ms);
                                guest.machine().vcpus().resume();
                            });
                            s.rflags |= kInterruptFlag;
                            exits::write_msr(0x6E0, 1)(s, m);  // long past
                        },
                        power_off()});
    guest.run();
    controller.join();
    EXPECT_EQ(guest.machine().vcpu(0).statistics().interrupts(0x40), 1U);
}

TEST(VcpuLoop, InterruptWaitsForItsWindow) {
    std::uint32_t control = 0;
    GuestMachine guest({exits::write_msr(0x1B, 0xFEE0'0000 | 1U << 11 | 1U << 10 | 1U << 8),
                        exits::write_msr(0x80F, 0x1FF),
                        exits::write_msr(0x83F, 0x50),  // self IPI while IF is 0
                        [&](abi::VcpuState& s, const GuestMemory&) {
                            control = s.control;
                            s.rflags |= kInterruptFlag;
                            s.exit = {};
                            s.exit.kind = abi::ExitKind::InterruptWindow;
                        },
                        power_off()});
    guest.run();
    EXPECT_EQ(control & abi::kRequestInterruptWindow, abi::kRequestInterruptWindow);
    EXPECT_EQ(guest.machine().vcpu(0).statistics().interrupts(0x50), 1U);
}

TEST(VcpuLoop, UnknownMsrIsGeneralProtectionAndOneLine) {
    GuestMachine guest({exits::read_msr(0x9999), exits::read_msr(0x9999), power_off()});
    guest.run();
    unsigned lines = 0;
    for (const auto& line : guest.log)
        lines += line.find("unknown MSR 0x9999") != std::string::npos;
    EXPECT_EQ(lines, 1U);
}

TEST(VcpuLoop, HypercallsAreUnknown) {
    std::uint64_t result = 0;
    GuestMachine guest({[](abi::VcpuState& s, const GuestMemory&) {
                            s.exit = {};
                            s.exit.kind = abi::ExitKind::Hypercall;
                            s.exit.next_rip = s.rip + 3;
                        },
                        look([&](auto& s) { result = s.gpr[0]; }, power_off())});
    guest.run();
    EXPECT_EQ(result, static_cast<std::uint64_t>(-1000));
}

TEST(VcpuLoop, CountsExitsByKind) {
    GuestMachine guest(
        {exits::cpuid(1, 0), exits::cpuid(1, 0), exits::read_msr(0x10), power_off()});
    guest.run();
    const auto& statistics = guest.machine().vcpu(0).statistics();
    EXPECT_EQ(statistics.exits(abi::ExitKind::Cpuid), 2U);
    EXPECT_EQ(statistics.exits(abi::ExitKind::Msr), 1U);
    EXPECT_EQ(statistics.exits(abi::ExitKind::PortIo), 1U);
}

}  // namespace
}  // namespace redoubt::vmmd
