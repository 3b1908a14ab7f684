// SBI calls, on harts without guests.
#include "vmmd/arch/riscv64/cpu/sbi.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace redoubt::vmmd {
namespace {

constexpr std::uint64_t kMemory = 0x8000'0000;
enum : std::uint64_t {
    kBase = 0x10,
    kTime = 0x5449'4D45,
    kIpi = 0x73'5049,
    kFence = 0x5246'4E43,
    kHarts = 0x48'534D,
    kReset = 0x5352'5354,
    kConsole = 0x4442'434E
};

class SbiTest : public testing::Test {
  protected:
    SbiTest() {
        memory.add(hvcall::GuestPhysicalAddress{kMemory}, bytes);
        harts.reset();
        for (unsigned i = 0; i < harts.count(); ++i) {
            harts[i].connect([this, i] { kicks |= 1U << i; }, [this, i] { starts |= 1U << i; });
        }
        machine.power_off = [this] { ++power_offs; };
        machine.reset = [this](std::string_view) { ++resets; };
        machine.console_write = [this](auto text) { output.append(text.begin(), text.end()); };
        machine.console_read = [this]() -> std::optional<std::uint8_t> {
            if (input.empty()) return std::nullopt;
            const auto byte = static_cast<std::uint8_t>(input.front());
            input.erase(0, 1);
            return byte;
        };
    }

    std::int64_t call(std::uint64_t extension, std::uint64_t function,
                      std::vector<std::uint64_t> arguments = {}) {
        for (unsigned i = 0; i < 6; ++i)
            state.gpr[10 + i] = i < arguments.size() ? arguments[i] : 0;
        state.gpr[16] = function;
        state.gpr[17] = extension;
        next = sbi.call(state);
        return static_cast<std::int64_t>(state.gpr[10]);
    }
    std::uint64_t value() const { return state.gpr[11]; }

    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(8192);
    hvcall::GuestMemory memory;
    Harts harts{3};
    SbiMachine machine;
    Sbi sbi{0, harts, machine, memory, false};
    abi::VcpuState state{};
    ExitNext next = ExitNext::Run;
    std::string output, input;
    unsigned kicks = 0, starts = 0, power_offs = 0, resets = 0;
};

TEST_F(SbiTest, SaysWhatItIs) {
    EXPECT_EQ(call(kBase, 0), 0);
    EXPECT_EQ(value(), 0x200'0000U);
    for (const auto extension : {kBase, kTime, kIpi, kFence, kHarts, kReset, kConsole}) {
        EXPECT_EQ(call(kBase, 3, {extension}), 0);
        EXPECT_EQ(value(), 1U) << std::hex << extension;
    }
    constexpr std::uint64_t kPmu = 0x50'4D55;
    EXPECT_EQ(call(kBase, 3, {kPmu}), 0);
    EXPECT_EQ(value(), 0U);
    EXPECT_EQ(call(kPmu, 0), -2);
    EXPECT_EQ(call(kBase, 7), -2);
}

TEST_F(SbiTest, SetsItsOwnTimer) {
    EXPECT_EQ(call(kTime, 0, {1234}), 0);
    EXPECT_EQ(harts[0].take_timer(), 1234U);
    EXPECT_EQ(harts[0].take_timer(), std::nullopt);
    EXPECT_EQ(call(0, 0, {99}), 0);
    EXPECT_EQ(harts[0].take_timer(), 99U);
    EXPECT_EQ(call(kTime, 1), -2);
}

TEST_F(SbiTest, SetsTheTimerInTheStateWhereTheGuestHasSstc) {
    const Sbi with_sstc{0, harts, machine, memory, true};
    state.gpr[10] = 1234;
    state.gpr[16] = 0;
    state.gpr[17] = kTime;
    EXPECT_EQ(with_sstc.call(state), ExitNext::Run);
    EXPECT_EQ(state.timer, 1234U);
    EXPECT_EQ(state.gpr[10], 0U);
    EXPECT_FALSE(harts[0].has_new_timer());
}

TEST_F(SbiTest, InterruptsWhoIsNamed) {
    EXPECT_EQ(call(kIpi, 0, {0b11, 1}), 0);
    EXPECT_EQ(kicks, 0b110U);
    EXPECT_FALSE(harts[0].take_ipi());
    EXPECT_TRUE(harts[1].take_ipi());
    EXPECT_FALSE(harts[1].take_ipi());
    EXPECT_EQ(call(kIpi, 0, {0, ~0ULL}), 0);
    EXPECT_TRUE(harts[0].take_ipi());
    EXPECT_EQ(call(kIpi, 0, {0}), 0);
}

TEST_F(SbiTest, HartsThatDoNotExistAreAnErrorAndNobodyIsInterrupted) {
    for (const auto& [mask, base] :
         {std::pair{0b1001ULL, 0ULL}, std::pair{1ULL, 3ULL}, std::pair{0b100ULL, 1ULL},
          std::pair{1ULL, ~0ULL - 1}, std::pair{1ULL << 63, 0ULL}}) {
        EXPECT_EQ(call(kIpi, 0, {mask, base}), -3) << mask << " " << base;
    }
    EXPECT_EQ(kicks, 0U);
}

TEST_F(SbiTest, StartsAHartOnce) {
    EXPECT_EQ(call(kHarts, 2, {1}), 0);
    EXPECT_EQ(value(), 1U) << "stopped";
    EXPECT_EQ(call(kHarts, 0, {1, kMemory + 0x100, 77}), 0);
    EXPECT_EQ(starts, 0b10U);
    EXPECT_EQ(call(kHarts, 2, {1}), 0);
    EXPECT_EQ(value(), 2U) << "start pending";
    EXPECT_EQ(call(kHarts, 0, {1, kMemory, 0}), -6);
    const auto start = harts[1].begin();
    EXPECT_EQ(start.address, kMemory + 0x100);
    EXPECT_EQ(start.opaque, 77U);
    EXPECT_EQ(call(kHarts, 2, {1}), 0);
    EXPECT_EQ(value(), 0U);
    EXPECT_EQ(call(kHarts, 0, {0, kMemory, 0}), -6);
    EXPECT_EQ(call(kHarts, 0, {3, kMemory, 0}), -3);
    EXPECT_EQ(call(kHarts, 0, {2, 0x1000, 0}), -5);
    EXPECT_EQ(call(kHarts, 2, {3}), -3);
}

TEST_F(SbiTest, StopsAndSuspendsItself) {
    call(kHarts, 1);
    EXPECT_EQ(next, ExitNext::Off);
    EXPECT_EQ(harts[0].state(), HartState::Stopped);
    EXPECT_TRUE(harts[0].start({kMemory, 0}));
    harts[0].begin();
    EXPECT_EQ(call(kHarts, 3, {0}), 0);
    EXPECT_EQ(next, ExitNext::Halt);
    EXPECT_EQ(harts[0].state(), HartState::Suspended);
    EXPECT_EQ(call(kHarts, 3, {0x8000'0000}), -2);
}

TEST_F(SbiTest, EndsTheMachine) {
    EXPECT_EQ(call(kReset, 0, {0, 0}), 0);
    EXPECT_EQ(power_offs, 1U);
    EXPECT_EQ(call(kReset, 0, {1, 0}), 0);
    EXPECT_EQ(call(kReset, 0, {2, 0}), 0);
    EXPECT_EQ(resets, 2U);
    EXPECT_EQ(call(kReset, 0, {3, 0}), -3);
    EXPECT_EQ(call(8, 0), 0);
    EXPECT_EQ(power_offs, 2U);
}

TEST_F(SbiTest, WritesAndReadsTheConsole) {
    std::copy_n("hello", 5, bytes.begin() + 16);
    EXPECT_EQ(call(kConsole, 0, {5, kMemory + 16, 0}), 0);
    EXPECT_EQ(value(), 5U);
    EXPECT_EQ(call(kConsole, 2, {'!'}), 0);
    EXPECT_EQ(call(1, 0, {'?'}), 0);
    EXPECT_EQ(output, "hello!?");
    input = "abc";
    EXPECT_EQ(call(kConsole, 1, {2, kMemory, 0}), 0);
    EXPECT_EQ(value(), 2U);
    EXPECT_EQ(bytes[1], 'b');
    EXPECT_EQ(call(2, 0), 'c');
    EXPECT_EQ(call(2, 0), -1);
    EXPECT_EQ(call(kConsole, 1, {2, kMemory, 0}), 0);
    EXPECT_EQ(value(), 0U);
}

TEST_F(SbiTest, ConsoleMemoryMustBeTheGuests) {
    EXPECT_EQ(call(kConsole, 0, {5, 0x1000, 0}), -3);
    EXPECT_EQ(call(kConsole, 0, {5, kMemory + 8190, 0}), -3);
    EXPECT_EQ(call(kConsole, 0, {5, kMemory, 1}), -3);
    EXPECT_EQ(call(kConsole, 1, {~0ULL, ~0ULL, 0}), -3);
    EXPECT_EQ(call(kConsole, 0, {0, 0, 0}), 0);
    EXPECT_EQ(output, "");
}

TEST_F(SbiTest, AFenceWaitsForAHartThatIsInTheGuest) {
    EXPECT_EQ(call(kFence, 1, {0b111, 0}), 0) << "nobody is in the guest";
    std::atomic<bool> flushed = false, inside = false, fenced = false, leave = false;
    {
        Hart::Inside entry(harts[1], [&] { flushed = true; });
    }
    EXPECT_TRUE(flushed) << "before it enters again";
    std::thread guest([&] {
        Hart::Inside entry(harts[1], [] { ADD_FAILURE() << "flushed twice"; });
        inside = true;
        while (!leave) std::this_thread::yield();
        EXPECT_FALSE(fenced);
    });
    while (!inside) std::this_thread::yield();
    harts[1].connect([&] { leave = true; }, [] {});
    harts[1].fence();
    fenced = true;
    guest.join();
    flushed = false;
    {
        Hart::Inside entry(harts[1], [&] { flushed = true; });
    }
    EXPECT_TRUE(flushed);
    EXPECT_EQ(call(kFence, 3), -2);
}

TEST_F(SbiTest, AnyCallIsAnswered) {
    std::mt19937_64 random(1);
    const std::uint64_t extensions[] = {0,     1,    2,      3,      8,      kBase,
                                        kTime, kIpi, kFence, kHarts, kReset, kConsole};
    for (int i = 0; i < 20'000; ++i) {
        const auto pick = [&]() -> std::uint64_t {
            switch (random() % 4) {
                case 0:
                    return random();
                case 1:
                    return kMemory + random() % 16384;
                case 2:
                    return ~0ULL - random() % 4;
                default:
                    return random() % 8;
            }
        };
        call(random() % 8 == 0 ? random() : extensions[random() % std::size(extensions)],
             random() % 9, {pick(), pick(), pick(), pick(), pick(), pick()});
        output.clear();
    }
}

}  // namespace
}  // namespace redoubt::vmmd
