// A debugger on a machine whose processors execute one-byte instructions, as far as debugging goes
// like real ones.
#include "vmmd/debug/guest_debugger.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/unit/vmmd/guest_machine.hpp"

namespace redoubt::vmmd {
namespace {

using gdb::Breakpoint;
using gdb::BreakpointKind;
using gdb::Motion;
using gdb::Stop;
using hvcall::GuestMemory;
using hvcall::GuestPhysicalAddress;

constexpr std::uint64_t kCode = 0x1000, kCodeEnd = 0x1100, kCounter = 0x3000;
// Adds to the counter; breakpoint; HLT. All others do nothing.
constexpr std::uint8_t kCount = 0x01, kInt3 = 0xCC, kHalt = 0xF4;
constexpr std::uint64_t kInterruptFlag = 1U << 9;
constexpr std::chrono::seconds kPatience{20};

void start(abi::VcpuState& s) {
    s.segments[abi::kCs] = {0, 0x9B, 0xFFFF, 0};
    s.cs_base = 0;
    s.cs_attributes = 0x9B;
    s.rip = kCode;
}

bool watches(const abi::VcpuState& s, unsigned slot, std::uint64_t address, unsigned type) {
    return (s.dr7 >> (2 * slot) & 3) != 0 && (s.dr7 >> (16 + 4 * slot) & 3) == type &&
           s.dr[slot] == address;
}

/// One instruction from [kCode, kCodeEnd), in a circle.
void execute(abi::VcpuState& s, const GuestMemory& memory) {
    if (s.rip < kCode || s.rip >= kCodeEnd) start(s);
    s.exit = {};
    s.exit.kind = abi::ExitKind::Interrupted;
    const auto debug = [&](unsigned vector, std::uint64_t dr6) {
        s.exit.kind = abi::ExitKind::Debug;
        s.exit.detail = vector;
        s.exit.info1 = dr6;
    };
    for (unsigned slot = 0; slot < 4; ++slot) {
        if (watches(s, slot, s.rip, 0)) return debug(1, 1U << slot);
    }
    const auto instruction = *memory.read<std::uint8_t>(GuestPhysicalAddress{s.rip});
    if (instruction == kInt3) return debug(3, 0);
    s.rip = s.rip + 1 == kCodeEnd ? kCode : s.rip + 1;
    if (instruction == kHalt) {
        s.rflags |= kInterruptFlag;
        s.exit.kind = abi::ExitKind::Halt;
        s.exit.next_rip = s.rip;
        return;
    }
    std::uint64_t dr6 = (s.control & abi::kSingleStep) != 0 ? 0x4000 : 0;
    if (instruction == kCount) {
        auto counter = *memory.read<std::uint32_t>(GuestPhysicalAddress{kCounter});
        static_cast<void>(memory.write(GuestPhysicalAddress{kCounter}, ++counter));
        for (unsigned slot = 0; slot < 4; ++slot) {
            if (watches(s, slot, kCounter, 1)) dr6 |= 1U << slot;
        }
    }
    if (dr6 != 0) debug(1, dr6);
}

class GuestDebuggerTest : public testing::Test {
  protected:
    explicit GuestDebuggerTest(unsigned vcpus = 1)
        : guest_(std::vector<hvcall::model::Program>(vcpus, {{}, execute})) {}
    ~GuestDebuggerTest() override { end(); }

    void run(bool waits = false) {
        debugger_.machine_coming(waits);
        start_machine();
    }
    void start_machine() {
        debugger_.machine_up(guest_.machine());
        runner_ = std::thread([this] {
            while (guest_.run().cause == LoopEnd::Cause::Reset) {
                debugger_.machine_resets();
                guest_.machine().power_on();
            }
            debugger_.machine_gone();
        });
    }
    void end() {
        if (!runner_.joinable()) return;
        guest_.machine().vcpus().stop();
        runner_.join();
    }
    bool connect() {
        return debugger_
            .connect([this](std::optional<Stop> stop) {
                const std::scoped_lock lock(mutex_);
                stops_.push_back(std::move(stop));
                changed_.notify_all();
            })
            .has_value();
    }
    std::optional<Stop> next() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kPatience, [&] { return !stops_.empty(); })) {
            ADD_FAILURE() << "no stop";
            return std::nullopt;
        }
        auto stop = std::move(stops_.front());
        stops_.pop_front();
        return stop;
    }
    /// Connects, and has the guest reach its code.
    void stop_in_code() {
        ASSERT_TRUE(connect());
        ASSERT_TRUE(next());
        while (rip() < kCode || rip() >= kCodeEnd) {
            ASSERT_EQ(go({Motion::Step}).reason, Stop::Reason::Step);
        }
    }
    Stop go(std::vector<Motion> motions) {
        debugger_.resume(motions);
        return next().value_or(Stop{});
    }
    std::uint64_t rip(unsigned vcpu = 0) {
        return debugger_.read_registers(vcpu)->value(gdb::kRip);
    }
    std::uint8_t read(std::uint64_t address) {
        std::uint8_t byte = 0;
        EXPECT_EQ(debugger_.read_memory(0, address, {&byte, 1}), 1U);
        return byte;
    }
    std::uint8_t in_memory(std::uint64_t address) {
        return *guest_.machine().memory().read<std::uint8_t>(GuestPhysicalAddress{address});
    }
    std::uint32_t counter() {
        return *guest_.machine().memory().read<std::uint32_t>(GuestPhysicalAddress{kCounter});
    }

    SmpGuestMachine guest_;
    unsigned kills_ = 0;
    std::atomic<bool> still_ = false;
    GuestDebugger debugger_{{[this] { guest_.machine().vcpus().reset(); }, [this] { ++kills_; },
                             [this](bool still) { still_ = still; }}};
    std::thread runner_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::optional<Stop>> stops_;
};

class SmpGuestDebuggerTest : public GuestDebuggerTest {
  protected:
    SmpGuestDebuggerTest() : GuestDebuggerTest(2) {}
};

TEST_F(GuestDebuggerTest, ConnectingStopsAndDetachingLetsGo) {
    run();
    ASSERT_TRUE(connect());
    EXPECT_EQ(next()->reason, Stop::Reason::Request);
    EXPECT_TRUE(debugger_.stands_still());
    EXPECT_TRUE(still_);
    EXPECT_FALSE(connect()) << "one at a time";
    const auto here = rip();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(rip(), here);
    debugger_.detach();
    EXPECT_FALSE(debugger_.read_registers(0)) << "not while it runs";
    EXPECT_FALSE(debugger_.stands_still());
    EXPECT_FALSE(still_);
    EXPECT_TRUE(connect());
    next();
    guest_.machine().vcpus().pause();
    debugger_.detach();
    EXPECT_TRUE(still_) << "somebody else's pause is not over";
    guest_.machine().vcpus().resume();
}

TEST_F(GuestDebuggerTest, ASoftwareBreakpointStopsAndIsNotSeen) {
    run();
    stop_in_code();
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Software, kCode + 0x80, 1}));
    EXPECT_EQ(in_memory(kCode + 0x80), kInt3);
    EXPECT_EQ(read(kCode + 0x80), 0);
    const auto stop = go({Motion::Continue});
    EXPECT_EQ(stop.reason, Stop::Reason::SoftwareBreakpoint);
    EXPECT_EQ(rip(), kCode + 0x80);
    debugger_.remove({BreakpointKind::Software, kCode + 0x80, 1});
    EXPECT_EQ(in_memory(kCode + 0x80), 0);
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::Software, 1U << 31, 1})) << "no memory";
}

TEST_F(GuestDebuggerTest, ItsOwnInt3IsTheGuests) {
    run();
    stop_in_code();
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Software, kCode + 0x80, 1}));
    const std::uint8_t int3[] = {kInt3};
    ASSERT_TRUE(debugger_.write_memory(0, kCode + 0x40, int3));
    auto registers = *debugger_.read_registers(0);
    registers.set(gdb::kRip, kCode + 0x40);
    ASSERT_TRUE(debugger_.write_registers(0, registers));
    // It gets the exception, with rip behind the instruction, and goes on; no stop there.
    EXPECT_EQ(go({Motion::Continue}).reason, Stop::Reason::SoftwareBreakpoint);
    EXPECT_EQ(rip(), kCode + 0x80);
}

TEST_F(GuestDebuggerTest, HardwareBreakpointsWatchpointsAndTheirLimits) {
    run();
    stop_in_code();
    const Breakpoint here{BreakpointKind::Hardware, kCode + 0x20, 1};
    const Breakpoint watch{BreakpointKind::WatchWrite, kCounter, 4};
    ASSERT_TRUE(debugger_.insert(0, here));
    EXPECT_EQ(go({Motion::Continue}).reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(rip(), kCode + 0x20);
    debugger_.remove(here);
    const std::uint8_t count[] = {kCount};
    ASSERT_TRUE(debugger_.write_memory(0, kCode + 0x30, count));
    ASSERT_TRUE(debugger_.insert(0, watch));
    const auto before = counter();
    const auto stop = go({Motion::Continue});
    EXPECT_EQ(stop.reason, Stop::Reason::WatchWrite);
    EXPECT_EQ(stop.address, kCounter);
    EXPECT_EQ(counter(), before + 1);
    EXPECT_EQ(rip(), kCode + 0x31);
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::WatchWrite, kCounter + 1, 4})) << "crooked";
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::WatchWrite, kCounter, 3}));
    for (std::uint64_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, 0x5000 + i, 1}));
    }
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::Hardware, 0x6000, 1})) << "four in all";
}

TEST_F(GuestDebuggerTest, StepsAreOfOneInstruction) {
    run();
    stop_in_code();
    for (int i = 0; i < 10; ++i) {
        const auto before = rip();
        EXPECT_EQ(go({Motion::Step}).reason, Stop::Reason::Step);
        EXPECT_EQ(rip(), before + 1 == kCodeEnd ? kCode : before + 1);
    }
}

TEST_F(GuestDebuggerTest, WhoeverIsGoneLeavesNothingBehind) {
    run();
    stop_in_code();
    const std::uint8_t count[] = {kCount};
    ASSERT_TRUE(debugger_.write_memory(0, kCode, count));
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Software, kCode + 0x80, 1}));
    debugger_.remove({BreakpointKind::Software, kCode + 0x80, 1});
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Software, kCode + 0xFF, 1}));
    ASSERT_EQ(go({Motion::Continue}).reason, Stop::Reason::SoftwareBreakpoint);
    debugger_.disconnect();
    EXPECT_EQ(in_memory(kCode + 0xFF), 0);
    const auto before = counter();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (counter() < before + 3 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    EXPECT_GE(counter(), before + 3) << "it goes on";
}

TEST_F(GuestDebuggerTest, TheNextOneNeedNotWaitUntilTheLastOnesTracesAreGone) {
    run();
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(connect());
        ASSERT_TRUE(next());
        EXPECT_EQ(debugger_.describe_all().find("breakpoint"), std::string::npos);
        ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Software, 0x5000, 1}));
        ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, 0x5000, 1}));
        debugger_.resume(std::vector{Motion::Continue});
        debugger_.disconnect();
    }
    EXPECT_TRUE(connect());
    EXPECT_FALSE(connect()) << "still one at a time";
    EXPECT_TRUE(next());
    EXPECT_EQ(in_memory(0x5000), 0);
}

TEST_F(GuestDebuggerTest, AMachineCanWaitForItsDebugger) {
    run(true);
    EXPECT_TRUE(debugger_.stands_still());
    ASSERT_TRUE(connect());
    next();
    EXPECT_EQ(rip(), 0xFFF0U) << "before the first instruction";
    EXPECT_EQ(go({Motion::Step}).reason, Stop::Reason::Step);
}

TEST_F(GuestDebuggerTest, OneThatComesWhileTheMachineIsMadeIsServedWhenItIsThere) {
    debugger_.machine_coming(false);
    ASSERT_TRUE(connect());
    EXPECT_FALSE(connect());
    debugger_.disconnect();
    ASSERT_TRUE(connect());
    debugger_.machine_gone();
    EXPECT_FALSE(next()) << "it could not be made";
    debugger_.machine_coming(false);
    ASSERT_TRUE(connect());
    start_machine();
    ASSERT_TRUE(next());
    EXPECT_EQ(rip(), 0xFFF0U) << "before the first instruction";
}

TEST_F(GuestDebuggerTest, OrGoOnWithout) {
    run(true);
    EXPECT_TRUE(debugger_.stop_waiting());
    EXPECT_FALSE(debugger_.stop_waiting());
    ASSERT_TRUE(connect());
    EXPECT_TRUE(next());
}

TEST_F(GuestDebuggerTest, AResetStopsBeforeTheFirstInstruction) {
    run();
    ASSERT_TRUE(connect());
    next();
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Software, kCode + 0x80, 1}));
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x10, 1}));
    ASSERT_TRUE(debugger_.reset());
    EXPECT_TRUE(next());
    EXPECT_EQ(rip(), 0xFFF0U);
    EXPECT_EQ(in_memory(kCode + 0x80), 0) << "software breakpoints are gone";
    EXPECT_EQ(go({Motion::Continue}).reason, Stop::Reason::HardwareBreakpoint);
}

TEST_F(GuestDebuggerTest, TheMachinesEndIsTold) {
    EXPECT_FALSE(connect()) << "nothing runs yet";
    run();
    ASSERT_TRUE(connect());
    next();
    end();
    EXPECT_FALSE(next());
    EXPECT_FALSE(debugger_.read_registers(0));
    EXPECT_EQ(debugger_.vcpus(), 0U);
    debugger_.disconnect();
}

TEST_F(SmpGuestDebuggerTest, AllVcpusStopTogether) {
    run();
    ASSERT_TRUE(connect());
    next();
    EXPECT_EQ(debugger_.vcpus(), 2U);
    EXPECT_NE(debugger_.describe(1).find("waits to be started"), std::string::npos);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x20, 1}));
    EXPECT_EQ(go({Motion::Continue, Motion::Continue}).vcpu, 0U);
    debugger_.remove({BreakpointKind::Hardware, kCode + 0x20, 1});
    const auto before = rip();
    EXPECT_EQ(go({Motion::Step, Motion::Stay}).reason, Stop::Reason::Step);
    EXPECT_EQ(rip(), before + 1);
    debugger_.resume(std::vector{Motion::Continue, Motion::Continue});
    debugger_.interrupt();
    EXPECT_EQ(next()->reason, Stop::Reason::Request);
}

TEST_F(SmpGuestDebuggerTest, AHaltedOneIsSteppedThoughWhoCouldWakeItIsHeld) {
    run();
    ASSERT_TRUE(connect());
    next();
    while (rip() < kCode || rip() >= kCodeEnd) {
        ASSERT_EQ(go({Motion::Step, Motion::Stay}).reason, Stop::Reason::Step);
    }
    const auto halt = rip();
    ASSERT_TRUE(debugger_.write_memory(0, halt, std::vector<std::uint8_t>{kHalt, 0, 0, 0}));
    EXPECT_EQ(go({Motion::Step, Motion::Stay}).reason, Stop::Reason::Step);
    EXPECT_EQ(rip(), halt + 1);
    EXPECT_EQ(debugger_.describe(0), "vCPU 0, halted");
    EXPECT_EQ(go({Motion::Step, Motion::Stay}).reason, Stop::Reason::Step);
    EXPECT_EQ(rip(), halt + 2);
    EXPECT_EQ(debugger_.describe(0), "vCPU 0, running");
}

TEST_F(SmpGuestDebuggerTest, AHaltedOneWaitsWhileTheOthersRun) {
    run();
    ASSERT_TRUE(connect());
    next();
    while (rip() < kCode || rip() >= kCodeEnd) {
        ASSERT_EQ(go({Motion::Step, Motion::Continue}).reason, Stop::Reason::Step);
    }
    const auto halt = rip();
    ASSERT_TRUE(debugger_.write_memory(0, halt, std::vector<std::uint8_t>{kHalt, 0, 0, 0}));
    EXPECT_EQ(go({Motion::Step, Motion::Continue}).reason, Stop::Reason::Step);
    debugger_.resume(std::vector{Motion::Step, Motion::Continue});
    debugger_.interrupt();
    EXPECT_EQ(next()->reason, Stop::Reason::Request);
    EXPECT_EQ(rip(), halt + 1);
    EXPECT_EQ(debugger_.describe(0), "vCPU 0, halted");
}

}  // namespace
}  // namespace redoubt::vmmd
