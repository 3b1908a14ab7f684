// A debugger on a machine whose harts execute some instructions, as far as traps go like real ones:
// breakpoints, watchpoints and steps that no debug triggers help with.
#include "arch/vcpu_debug.hpp"

#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "arch/memory_layout.hpp"
#include "tests/unit/vmmd/guest_machine.hpp"
#include "vmmd/debug/guest_debugger.hpp"

namespace redoubt::vmmd {
namespace {

using gdb::Breakpoint;
using gdb::BreakpointKind;
using gdb::Motion;
using gdb::Stop;
using hvcall::GuestMemory;
using hvcall::GuestPhysicalAddress;

constexpr std::uint64_t kCode = kMemoryBase + 0x1000, kData = kMemoryBase + 0x3000;
constexpr unsigned kA0 = 10, kA1 = 11, kA2 = 12, kPc = 32;
constexpr std::chrono::seconds kPatience{20};

constexpr std::uint32_t kNop = 0x0000'0013;          // nop
constexpr std::uint32_t kJumpBack = 0xF81F'F06F;     // j -0x80
constexpr std::uint32_t kLoad = 0x0005'B603;         // ld a2,0(a1)
constexpr std::uint32_t kStore = 0x00A5'B023;        // sd a0,0(a1)
constexpr std::uint32_t kAdd = 0x00A5'A62F;          // amoadd.w a2,a0,(a1)
constexpr std::uint32_t kReserve = 0x1005'B62F;      // lr.d a2,(a1)
constexpr std::uint32_t kConditional = 0x18A5'B62F;  // sc.d a2,a0,(a1)
constexpr std::uint32_t kRetry = 0xFE06'1CE3;        // bnez a2,-8
constexpr std::uint32_t kFence = 0x1200'0073;        // sfence.vma
constexpr std::uint64_t kLoopBytes = 0x80;

/// The page's rights, as of the processor's tables; one VM at a time.
std::mutex rights_mutex;
std::map<std::uint64_t, hvcall::Vm::Access> rights;

bool may(std::uint64_t address, bool write) {
    const std::scoped_lock lock(rights_mutex);
    const auto found = rights.find(address & ~std::uint64_t{0xFFF});
    if (found == rights.end() || found->second == hvcall::Vm::Access::All) return true;
    return found->second == hvcall::Vm::Access::NoWrite && !write;
}

/// Accesses to kData at a1.
void access(abi::VcpuState& s, const GuestMemory& memory, std::uint32_t instruction) {
    const bool write = instruction == kStore || instruction == kConditional || instruction == kAdd;
    const GuestPhysicalAddress at{s.gpr[kA1]};
    for (const auto part : {at.value(), (at.value() + 7) & ~std::uint64_t{7}}) {
        if (may(part, write)) continue;
        s.exit.kind = abi::ExitKind::Mmio;
        s.exit.detail = write ? abi::MmioDetail::kWrite : 0;
        s.exit.info1 = s.exit.info2 = part;
        return;
    }
    const auto old = *memory.read<std::uint64_t>(at);
    if (instruction == kStore || instruction == kConditional)
        static_cast<void>(memory.write(at, s.gpr[kA0]));
    if (instruction == kAdd) static_cast<void>(memory.write(at, old + s.gpr[kA0]));
    if (instruction == kConditional) s.gpr[kA2] = 0;
    if (instruction == kLoad || instruction == kReserve || instruction == kAdd) s.gpr[kA2] = old;
    s.pc += 4;
}

/// One instruction.
void execute(abi::VcpuState& s, const GuestMemory& memory) {
    if (s.pc < kCode || s.pc >= kCode + kLoopBytes + 4) {
        s.pc = kCode;
        s.mode = 1;
        s.gpr[kA0] = 5;
        s.gpr[kA1] = kData;
    }
    s.exit = {};
    s.exit.kind = abi::ExitKind::Interrupted;
    const auto instruction = *memory.read<std::uint32_t>(GuestPhysicalAddress{s.pc});
    if ((instruction & 0xFFFF) == 0x9002) {
        s.exit.kind = abi::ExitKind::Exception;
        s.exit.detail = 3;
    } else if (instruction == kJumpBack) {
        s.pc -= kLoopBytes;
    } else if (instruction == kRetry) {
        s.pc += s.gpr[kA2] != 0 ? std::uint64_t{0} - 8 : 4;
    } else if (instruction == kFence && (s.control & abi::kTrapTranslation) != 0) {
        s.exit.kind = abi::ExitKind::Instruction;
        s.exit.instruction = instruction;
    } else if (instruction == kLoad || instruction == kStore || instruction == kAdd ||
               instruction == kReserve || instruction == kConditional) {
        access(s, memory, instruction);
    } else {
        s.pc += 4;
    }
}

class RiscvDebugTest : public testing::Test {
  protected:
    RiscvDebugTest() {
        rights.clear();
        guest_.hypervisor().set_protect_hook([](auto page, auto access) {
            const std::scoped_lock lock(rights_mutex);
            rights[page.value()] = access;
        });
        for (std::uint64_t at = 0; at < kLoopBytes; at += 4) put(at, kNop);
        put(kLoopBytes, kJumpBack);
        debugger_.machine_coming(false);
        debugger_.machine_up(guest_.machine());
        runner_ = std::thread([this] {
            guest_.run();
            debugger_.machine_gone();
        });
        EXPECT_TRUE(debugger_.connect([this](std::optional<Stop> stop) {
            const std::scoped_lock lock(mutex_);
            stops_.push_back(std::move(stop));
            changed_.notify_all();
        }));
        next();
        while (pc() < kCode || pc() >= kCode + kLoopBytes) go(Motion::Step);
    }
    ~RiscvDebugTest() override {
        guest_.machine().vcpus().stop();
        runner_.join();
    }

    void put(std::uint64_t offset, std::uint32_t instruction) {
        EXPECT_TRUE(
            guest_.machine().memory().write(GuestPhysicalAddress{kCode + offset}, instruction));
    }
    Stop next() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, kPatience, [&] { return !stops_.empty(); })) {
            ADD_FAILURE() << "no stop";
            return {};
        }
        auto stop = std::move(stops_.front());
        stops_.pop_front();
        return stop.value_or(Stop{});
    }
    Stop go(Motion motion) {
        debugger_.resume(std::array{motion});
        return next();
    }
    std::uint64_t value(unsigned number) { return debugger_.read_registers(0)->value(number); }
    std::uint64_t pc() { return value(kPc); }
    std::uint64_t data() {
        return *guest_.machine().memory().read<std::uint64_t>(GuestPhysicalAddress{kData});
    }
    std::uint16_t code(std::uint64_t offset) {
        return *guest_.machine().memory().read<std::uint16_t>(GuestPhysicalAddress{kCode + offset});
    }

    GuestMachine guest_{{}, execute};
    GuestDebugger debugger_{{[] {}, [] {}, [](bool) {}}};
    std::thread runner_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::optional<Stop>> stops_;
};

TEST_F(RiscvDebugTest, AHardwareBreakpointStopsAndIsInMemoryOnlyMeanwhile) {
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x40, 1}));
    EXPECT_EQ(code(0x40), kNop & 0xFFFF);
    const auto stop = go(Motion::Continue);
    EXPECT_EQ(stop.reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(pc(), kCode + 0x40);
    EXPECT_EQ(code(0x40), kNop & 0xFFFF);
    EXPECT_EQ(go(Motion::Step).reason, Stop::Reason::Step);
    EXPECT_EQ(pc(), kCode + 0x44);
    // Code that is written later.
    put(0x40, kFence);
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(pc(), kCode + 0x40);
    EXPECT_EQ(code(0x40), kFence & 0xFFFF);
    debugger_.remove({BreakpointKind::Hardware, kCode + 0x40, 1});
    EXPECT_EQ(go(Motion::Step).reason, Stop::Reason::Step);
    EXPECT_EQ(pc(), kCode + 0x44);
}

TEST_F(RiscvDebugTest, AFenceIsDoneForTheGuest) {
    put(0x20, kFence);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x24, 1}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(pc(), kCode + 0x24);
}

TEST_F(RiscvDebugTest, AStoreThatChangesWhatIsWatchedStops) {
    put(0x20, kStore);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 8}));
    const auto stop = go(Motion::Continue);
    EXPECT_EQ(stop.reason, Stop::Reason::WatchWrite);
    EXPECT_EQ(stop.address, kData);
    EXPECT_EQ(pc(), kCode + 0x24);
    EXPECT_EQ(data(), 5U);
    // The same value again is no change; a breakpoint is next.
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x28, 1}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::HardwareBreakpoint);
    debugger_.remove({BreakpointKind::Hardware, kCode + 0x28, 1});
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x18, 1}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::HardwareBreakpoint);
    debugger_.remove({BreakpointKind::Hardware, kCode + 0x18, 1});
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x28, 1}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(pc(), kCode + 0x28);
}

TEST_F(RiscvDebugTest, OtherDataInThePageIsWrittenUnnoticed) {
    put(0x20, kStore);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchAccess, kData + 8, 8}));
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 0x28, 1}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::HardwareBreakpoint);
    EXPECT_EQ(data(), 5U);
}

TEST_F(RiscvDebugTest, ReadsAreWatchedToo) {
    put(0x20, kLoad);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchRead, kData, 4}));
    const auto stop = go(Motion::Continue);
    EXPECT_EQ(stop.reason, Stop::Reason::WatchRead);
    EXPECT_EQ(stop.address, kData);
    EXPECT_EQ(pc(), kCode + 0x24);
    EXPECT_EQ(value(kA2), data());
}

TEST_F(RiscvDebugTest, WhatBeginsInThePageBeforeIsTheGuestsToWrite) {
    put(0x20, kStore);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 8}));
    auto registers = *debugger_.read_registers(0);
    constexpr std::uint64_t kValue = 0x0000'0007'0000'0005;
    registers.set(kA0, kValue);
    registers.set(kA1, kData - 4);
    ASSERT_TRUE(debugger_.write_registers(0, registers));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::WatchWrite);
    EXPECT_EQ(data(), 7U);
    EXPECT_EQ(*guest_.machine().memory().read<std::uint64_t>(GuestPhysicalAddress{kData - 4}),
              kValue);
}

TEST_F(RiscvDebugTest, AtomicOperationsAreBoth) {
    put(0x20, kAdd);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 4}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::WatchWrite);
    EXPECT_EQ(data(), 5U);
    EXPECT_EQ(value(kA2), 0U);
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::WatchWrite);
    EXPECT_EQ(data(), 10U);
    EXPECT_EQ(value(kA2), 5U);
}

TEST_F(RiscvDebugTest, AReservationIsTriedAgainWithoutExitsAndTheStoreSeen) {
    put(0x20, kReserve);
    put(0x24, kConditional);
    put(0x28, kRetry);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 8}));
    EXPECT_EQ(go(Motion::Continue).reason, Stop::Reason::WatchWrite);
    EXPECT_EQ(data(), 5U);
}

TEST_F(RiscvDebugTest, AStepOverAWatchedAccessEndsBehindIt) {
    put(0x20, kStore);
    ASSERT_TRUE(debugger_.insert(0, {BreakpointKind::WatchAccess, kData + 64, 8}));
    for (int i = 0; i < 70; ++i) {
        const auto before = pc();
        EXPECT_EQ(go(Motion::Step).reason, Stop::Reason::Step);
        EXPECT_EQ(pc(), before == kCode + kLoopBytes ? kCode : before + 4);
    }
    EXPECT_EQ(data(), 5U);
}

TEST_F(RiscvDebugTest, LimitsAreKept) {
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData + 1, 4})) << "crooked";
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 3}));
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::Hardware, kCode + 1, 1})) << "no instruction";
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::WatchWrite, 0x1000, 4})) << "no memory";
    for (std::uint64_t i = 0; i < 4; ++i)
        EXPECT_TRUE(debugger_.insert(0, {BreakpointKind::Hardware, 4 * i, 1}));
    EXPECT_FALSE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 4})) << "four in all";
    debugger_.remove({BreakpointKind::Hardware, 0, 1});
    EXPECT_TRUE(debugger_.insert(0, {BreakpointKind::WatchWrite, kData, 4}));
}

}  // namespace
}  // namespace redoubt::vmmd
