// A whole riscv64 machine around scripted vCPUs: exits, interrupts, starting harts, the end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "arch/memory_layout.hpp"
#include "libhvcall/model/riscv64/exits.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

namespace exits = hvcall::model::exits;
using Step = GuestMachine::Step;
using Program = GuestMachine::Program;
using hvcall::GuestMemory;
using hvcall::GuestPhysicalAddress;
using namespace std::chrono_literals;

constexpr std::uint64_t kHartState = 0x48'534D, kIpi = 0x73'5049, kReset = 0x5352'5354,
                        kTime = 0x5449'4D45;
constexpr unsigned kA0 = 10, kA1 = 11;

Step power_off() { return exits::call(kReset, 0, {0}); }
Step look(std::function<void(abi::VcpuState&)> at, Step next) {
    return [=](abi::VcpuState& state, const GuestMemory& memory) {
        at(state);
        next(state, memory);
    };
}
Step store(std::uint64_t address, unsigned bytes, std::uint64_t value) {
    return exits::store(GuestPhysicalAddress{address}, bytes, value);
}
Step load(std::uint64_t address, unsigned bytes) {
    return exits::load(GuestPhysicalAddress{address}, bytes);
}
/// Enables the UART's interrupt at the PLIC for hart 0.
void enable_serial_interrupt(std::deque<Step>& script) {
    script.push_back(store(kPlicBase + 4 * kSerialInterrupt, 4, 1));
    script.push_back(store(kPlicBase + 0x2000, 4, 1U << kSerialInterrupt));
}

TEST(RiscvMachine, PrintsAndPowersOff) {
    GuestMachine guest({store(kSerialBase, 1, 'o'), store(kSerialBase, 1, 'k'), power_off()});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(guest.serial.text, "ok");
}

TEST(RiscvMachine, TheTestFinisherEndsIt) {
    GuestMachine off({store(kTestFinisherBase, 4, 0x5555)});
    EXPECT_EQ(off.run().cause, LoopEnd::Cause::PowerOff);
    GuestMachine reset({store(kTestFinisherBase, 4, 0x7777)});
    EXPECT_EQ(reset.run().cause, LoopEnd::Cause::Reset);
    ASSERT_EQ(reset.log.size(), 1U);
    EXPECT_NE(reset.log[0].find("by the test finisher"), std::string::npos);
}

TEST(RiscvMachine, LoadsFillTheirRegisterAndSayWhereTheyWent) {
    std::uint64_t status = 0, nowhere = 0;
    GuestMachine guest({load(kSerialBase + 5, 1),
                        look([&](auto& state) { status = state.gpr[kA0]; }, load(0x5000, 4)),
                        look([&](auto& state) { nowhere = state.gpr[kA0]; }, power_off())});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_EQ(status, 0x60U);
    EXPECT_EQ(nowhere, 0xFFFF'FFFFU);
    const auto trace = guest.machine().trace({});
    ASSERT_EQ(trace.size(), 3U);
    EXPECT_EQ(trace[0].text, "read 0x10000005 byte = 0x60");
    EXPECT_EQ(trace[0].handler, "serial");
    EXPECT_EQ(trace[2].text, "sbi system_reset 0 = 0");
    EXPECT_EQ(trace[2].handler, "sbi");
}

/// An access whose instruction the processor does not tell is read where the guest executes it.
TEST(RiscvMachine, DecodesWhatIsInMemory) {
    GuestMachine guest({[](abi::VcpuState& state, const GuestMemory& memory) {
                            const std::uint32_t sign_extending = 0x0005'8503;  // lb a0, (a1)
                            EXPECT_TRUE(
                                memory.write(GuestPhysicalAddress{kMemoryBase}, sign_extending));
                            state.pc = kMemoryBase;
                            state.exit = {};
                            state.exit.kind = abi::ExitKind::Mmio;
                            state.exit.info1 = 0x5000;
                        },
                        look(
                            [](auto& state) {
                                EXPECT_EQ(state.gpr[kA0], ~0ULL);
                                EXPECT_EQ(state.pc, kMemoryBase + 4);
                            },
                            power_off())});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
}

TEST(RiscvMachine, WhatCannotBeEmulatedEndsTheGuestWithAReason) {
    const auto reason_of = [](Step step) {
        GuestMachine guest({std::move(step)});
        const auto end = guest.run();
        EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
        return end.reason;
    };
    EXPECT_NE(reason_of(exits::entry_failure()).find("the processor ended the run"),
              std::string::npos);
    EXPECT_NE(reason_of([](abi::VcpuState& state, const GuestMemory& memory) {
                  load(0x5000, 4)(state, memory);
                  state.exit.detail = abi::MmioDetail::kFetch;
              }).find("instruction fetch where there is no memory"),
              std::string::npos);
    EXPECT_NE(reason_of([](abi::VcpuState& state, const GuestMemory& memory) {
                  load(0x5000, 4)(state, memory);
                  state.exit.instruction = 0x00B5'252F;  // amoadd.w
              }).find("no load or store"),
              std::string::npos);
    EXPECT_NE(reason_of(exits::halt(0)).find("halted with interrupts disabled"), std::string::npos);
}

TEST(RiscvMachine, AVirtualInstructionIsIllegal) {
    GuestMachine guest({look(
                            [](auto& state) {
                                state.pc = kMemoryBase + 8;
                                state.vstvec = kMemoryBase + 0x101;
                                state.vsstatus = 2;
                                state.mode = 0;
                            },
                            exits::virtual_instruction(0xC000'2573)),
                        look(
                            [](auto& state) {
                                EXPECT_EQ(state.pc, kMemoryBase + 0x100);
                                EXPECT_EQ(state.vsepc, kMemoryBase + 8);
                                EXPECT_EQ(state.vscause, 2U);
                                EXPECT_EQ(state.vstval, 0xC000'2573U);
                                EXPECT_EQ(state.vsstatus & 0x122, 0x20U);
                                EXPECT_EQ(state.mode, 1U);
                            },
                            power_off())});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_NE(guest.machine().trace({})[0].text.find("illegal instruction"), std::string::npos);
}

TEST(RiscvMachine, ADevicesInterruptEndsAHalt) {
    std::deque<Step> script;
    enable_serial_interrupt(script);
    script.push_back(store(kSerialBase + 4, 1, 8));  // OUT2
    script.push_back(store(kSerialBase + 1, 1, 1));  // received data
    script.push_back(exits::halt(abi::kInterruptExternal));
    script.push_back(load(kPlicBase + 0x20'0004, 4));
    script.push_back(look([](auto& state) { EXPECT_EQ(state.gpr[kA0], kSerialInterrupt); },
                          load(kSerialBase, 1)));
    script.push_back(look([](auto& state) { EXPECT_EQ(state.gpr[kA0], 'x'); },
                          store(kPlicBase + 0x20'0004, 4, kSerialInterrupt)));
    script.push_back(power_off());
    GuestMachine guest(std::move(script));
    std::jthread typist([&] {
        std::this_thread::sleep_for(20ms);
        const std::uint8_t key = 'x';
        guest.machine().platform().serial_input().receive({&key, 1});
    });
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
}

TEST(RiscvMachine, TheTimerEndsAHalt) {
    const auto started = std::chrono::steady_clock::now();
    GuestMachine guest({exits::call(kTime, 0, {30'000'000}),  // ns of the model's counter
                        exits::halt(abi::kInterruptTimer), power_off()});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_GE(std::chrono::steady_clock::now() - started, 25ms);
}

TEST(RiscvMachine, HartsAreStartedAndInterruptEachOther) {
    std::atomic<bool> woken = false;
    const auto first = Program{{exits::call(kHartState, 0, {1, kMemoryBase + 0x40, 77}),
                                look([](auto& state) { EXPECT_EQ(state.gpr[kA0], 0U); },
                                     exits::halt(abi::kInterruptSoftware)),
                                look(
                                    [&](auto& state) {
                                        EXPECT_NE(state.inject & abi::kInjectSoftware, 0U);
                                        woken = true;
                                    },
                                    power_off())},
                               {}};
    const auto second = Program{{look(
                                     [](auto& state) {
                                         EXPECT_EQ(state.pc, kMemoryBase + 0x40);
                                         EXPECT_EQ(state.gpr[kA0], 1U);
                                         EXPECT_EQ(state.gpr[kA1], 77U);
                                     },
                                     exits::call(kIpi, 0, {1, 0})),
                                 exits::call(kHartState, 1, {})},
                                {}};
    SmpGuestMachine guest({first, second});
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
    EXPECT_TRUE(woken);
}

TEST(RiscvMachine, WhenAllHartsAreStoppedItIsTheEnd) {
    SmpGuestMachine guest({Program{{exits::call(kHartState, 1, {})}, {}}, Program{}});
    const auto end = guest.run();
    EXPECT_EQ(end.cause, LoopEnd::Cause::Crash);
    EXPECT_NE(end.reason.find("every processor is halted"), std::string::npos);
}

TEST(RiscvMachine, AFenceReachesARunningHart) {
    SmpGuestMachine guest(
        {Program{
             {exits::call(kHartState, 0, {1, kMemoryBase, 0}), exits::call(0x5246'4E43, 1, {2, 0}),
              look([](auto& state) { EXPECT_EQ(state.gpr[kA0], 0U); }, power_off())},
             {}},
         Program{}});  // runs without exits
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::PowerOff);
}

TEST(RiscvMachine, APauseStopsItsTime) {
    GuestMachine guest({});
    const auto before = guest.machine().vcpu(0).state().time_delta;
    std::jthread person([&] {
        auto& vcpus = guest.machine().vcpus();
        vcpus.pause();
        while (!vcpus.all_parked()) std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(20ms);
        vcpus.resume();
        std::this_thread::sleep_for(10ms);
        vcpus.stop();
    });
    EXPECT_EQ(guest.run().cause, LoopEnd::Cause::Requested);
    EXPECT_GE(before - guest.machine().vcpu(0).state().time_delta, 15'000'000U);
}

TEST(RiscvMachine, ThereIsNoPowerButton) {
    GuestMachine guest({});
    const auto pressed = guest.machine().platform().press_power_button();
    ASSERT_FALSE(pressed);
    EXPECT_NE(pressed.error().find("no power button"), std::string::npos);
}

}  // namespace
}  // namespace redoubt::vmmd
