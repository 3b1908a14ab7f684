// The local APIC: priorities, EOI, both register interfaces, IPIs and the three timer modes.
#include "vmmd/arch/x86_64/devices/local_apic.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"
#include "vmmd/arch/x86_64/devices/interrupt_bus.hpp"

namespace redoubt::vmmd {
namespace {

class LocalApicTest : public DeviceTest {
  protected:
    LocalApicTest() {
        bus.attach(apic);
        bus.attach(other);
        put(kSpurious, 0x1FF);
    }

    LocalApicWiring wiring(unsigned id) {
        LocalApicWiring w;
        w.kick = [this] { ++kicks; };
        w.send = [this](const InterruptMessage& message) { bus.send(message); };
        w.end_of_interrupt = [this](std::uint8_t vector) { ended.push_back(vector); };
        w.acknowledge_external = [] { return std::uint8_t{0x30}; };
        w.init = [this, id] { events.push_back({id, -1}); };
        w.startup = [this, id](std::uint8_t vector) { events.push_back({id, vector}); };
        w.nmi = [this, id] { events.push_back({id, -2}); };
        return w;
    }
    std::uint32_t get(std::uint64_t offset) {
        return static_cast<std::uint32_t>(in(apic, offset, 4));
    }
    void put(std::uint64_t offset, std::uint32_t value) { out(apic, offset, value, 4); }
    void fixed(std::uint8_t vector, bool level = false) {
        apic.deliver({.vector = vector, .level = level});
    }
    void enter_x2apic() { ASSERT_TRUE(apic.write_msr(0x1B, 0xFEE00D00)); }

    static constexpr std::uint64_t kTpr = 0x80, kPpr = 0xA0, kEoi = 0xB0, kSpurious = 0xF0,
                                   kEsr = 0x280, kIcr = 0x300, kIcrHigh = 0x310, kLvtTimer = 0x320,
                                   kLint0 = 0x350, kLvtError = 0x370, kInitial = 0x380,
                                   kCurrent = 0x390, kDivide = 0x3E0;

    struct Event {
        unsigned id;
        int what;
        bool operator==(const Event&) const = default;
    };
    unsigned kicks = 0;
    std::vector<std::uint8_t> ended;
    std::vector<Event> events;
    InterruptBus bus;
    TscClock tsc{clock, 2'000'000'000};
    LocalApic apic{0, timers, tsc, wiring(0)};
    LocalApic other{1, timers, tsc, wiring(1)};
};

TEST_F(LocalApicTest, StartsAsTheManualSays) {
    apic.reset();
    EXPECT_EQ(get(0x20), 0U);
    EXPECT_EQ(in(other, 0x20, 4), 1U << 24);
    EXPECT_EQ(get(0x30), 0x00050014U);
    EXPECT_EQ(get(kSpurious), 0xFFU);
    EXPECT_EQ(get(0xE0), 0xFFFFFFFFU);
    EXPECT_EQ(get(kLvtTimer), 0x10000U);
    EXPECT_EQ(apic.read_msr(0x1B), 0xFEE00900U);
    EXPECT_EQ(other.read_msr(0x1B), 0xFEE00800U);
    fixed(0x40);
    EXPECT_FALSE(apic.interrupt_pending()) << "disabled by software";
}

TEST_F(LocalApicTest, DeliversByPriority) {
    fixed(0x41);
    fixed(0x61);
    fixed(0x51);
    EXPECT_TRUE(apic.interrupt_pending());
    EXPECT_EQ(kicks, 3U);
    EXPECT_EQ(apic.acknowledge(), 0x61);
    EXPECT_FALSE(apic.interrupt_pending()) << "the others are of lower class";
    EXPECT_EQ(get(kPpr), 0x60U);
    EXPECT_EQ(get(0x130), 0x2U) << "in service: 0x61";
    put(kEoi, 0);
    EXPECT_EQ(apic.acknowledge(), 0x51);
    put(kEoi, 0);
    EXPECT_EQ(apic.acknowledge(), 0x41);
    put(kEoi, 0);
    EXPECT_EQ(apic.acknowledge(), std::nullopt);
    EXPECT_TRUE(ended.empty()) << "edges need no broadcast";
}

TEST_F(LocalApicTest, TaskPriorityHoldsBack) {
    put(kTpr, 0x50);
    fixed(0x55);
    EXPECT_FALSE(apic.interrupt_pending());
    EXPECT_EQ(apic.cr8(), 5U);
    apic.set_cr8(4);
    EXPECT_TRUE(apic.interrupt_pending());
    EXPECT_EQ(get(kTpr), 0x40U);
    EXPECT_EQ(get(kPpr), 0x40U);
}

TEST_F(LocalApicTest, LevelTriggeredEndsAreBroadcast) {
    fixed(0x49, true);
    EXPECT_EQ(get(0x1A0), 1U << 9) << "TMR";
    EXPECT_EQ(apic.acknowledge(), 0x49);
    put(kEoi, 0);
    EXPECT_EQ(ended, std::vector<std::uint8_t>{0x49});
    put(kEoi, 0);
    EXPECT_EQ(ended.size(), 1U);
}

TEST_F(LocalApicTest, ThePicComesThroughLint0) {
    apic.external_interrupt().set(true);
    EXPECT_FALSE(apic.interrupt_pending()) << "LINT0 masked";
    put(kLint0, 0x700);
    EXPECT_TRUE(apic.interrupt_pending());
    EXPECT_EQ(apic.acknowledge(), 0x30);
    apic.external_interrupt().set(false);
    EXPECT_FALSE(apic.interrupt_pending());

    put(kLint0, 0x10700);
    apic.external_interrupt().set(true);
    EXPECT_FALSE(apic.interrupt_pending());
    ASSERT_TRUE(apic.write_msr(0x1B, 0xFEE00100));
    EXPECT_TRUE(apic.interrupt_pending()) << "an APIC that is off is not in the way";
}

TEST_F(LocalApicTest, VirtualWireIsWhatFirmwareLeaves) {
    apic.reset();
    apic.enable_virtual_wire();
    apic.external_interrupt().set(true);
    EXPECT_TRUE(apic.interrupt_pending());
    EXPECT_EQ(get(kSpurious), 0x1FFU);
}

TEST_F(LocalApicTest, SoftwareDisableMasksAllLvtEntries) {
    put(kLint0, 0x700);
    put(kSpurious, 0xFF);
    EXPECT_EQ(get(kLint0), 0x10700U);
    put(kLint0, 0x700);
    EXPECT_EQ(get(kLint0), 0x10700U);
}

TEST_F(LocalApicTest, IllegalVectorsAreErrors) {
    put(kLvtError, 0xFE);
    fixed(0x05);
    EXPECT_EQ(get(kEsr), 0U) << "latched by a write";
    put(kEsr, 0);
    EXPECT_EQ(get(kEsr), 0x40U);
    EXPECT_EQ(apic.acknowledge(), 0xFE);
    put(kEsr, 0);
    EXPECT_EQ(get(kEsr), 0U);
    put(kIcr, 0x44003);  // to self, vector 3
    put(0x3F0, 1);       // there is no self IPI in xAPIC mode
    put(kEsr, 0);
    EXPECT_EQ(get(kEsr), 0xA0U);
}

TEST_F(LocalApicTest, IpisReachWhomTheyAddress) {
    out(other, kSpurious, 0x1FF, 4);
    put(kIcrHigh, 1U << 24);
    put(kIcr, 0x40 | 1U << 14);
    EXPECT_EQ(other.acknowledge(), 0x40);
    EXPECT_FALSE(apic.interrupt_pending());

    put(kIcr, 0x40041);  // self
    EXPECT_EQ(apic.acknowledge(), 0x41);
    put(kEoi, 0);
    out(other, kEoi, 0, 4);
    put(kIcr, 0xC0042);  // all but self
    EXPECT_FALSE(apic.interrupt_pending());
    EXPECT_EQ(other.acknowledge(), 0x42);

    put(kIcr, 0xC4500);  // INIT, all but self
    put(kIcr, 0xC8500);  // its de-assertion says nothing
    put(kIcr, 0xC4608);  // SIPI at 0x8000
    put(kIcrHigh, 0);
    put(kIcr, 0x4400);  // NMI to 0
    EXPECT_EQ(events, (std::vector<Event>{{1, -1}, {1, 8}, {0, -2}}));
}

TEST_F(LocalApicTest, LogicalDestinationsFlatAndClustered) {
    out(other, kSpurious, 0x1FF, 4);
    put(0xD0, 0x01000000);
    out(other, 0xD0, 0x02000000, 4);
    EXPECT_TRUE(bus.send({.vector = 0x40, .logical = true, .destination = 3}));
    EXPECT_TRUE(apic.interrupt_pending());
    EXPECT_TRUE(other.interrupt_pending());
    EXPECT_FALSE(bus.send({.vector = 0x40, .logical = true, .destination = 4}));

    put(0xE0, 0x0FFFFFFF);
    put(0xD0, 0x21000000);
    EXPECT_TRUE(apic.accepts({.vector = 0x40, .logical = true, .destination = 0x23}));
    EXPECT_FALSE(apic.accepts({.vector = 0x40, .logical = true, .destination = 0x13}));
}

TEST_F(LocalApicTest, LowestPriorityGoesToTheReadiest) {
    out(other, kSpurious, 0x1FF, 4);
    put(0xD0, 0x01000000);
    out(other, 0xD0, 0x02000000, 4);
    put(kTpr, 0x20);
    bus.send(
        {.vector = 0x40, .mode = DeliveryMode::LowestPriority, .logical = true, .destination = 3});
    EXPECT_FALSE(apic.interrupt_pending());
    EXPECT_EQ(other.acknowledge(), 0x40);
}

TEST_F(LocalApicTest, OneShotTimerFiresOnce) {
    put(kDivide, 0x3);  // by 16
    put(kLvtTimer, 0xEC);
    put(kInitial, 1000);
    advance({8'000});
    EXPECT_EQ(get(kCurrent), 500U);
    EXPECT_FALSE(apic.interrupt_pending());
    advance({8'000});
    EXPECT_EQ(apic.acknowledge(), 0xEC);
    put(kEoi, 0);
    EXPECT_EQ(get(kCurrent), 0U);
    advance(whole_seconds(1));
    EXPECT_FALSE(apic.interrupt_pending());
    put(kInitial, 1000);
    put(kInitial, 0);
    advance(whole_seconds(1));
    EXPECT_FALSE(apic.interrupt_pending()) << "an initial count of 0 stops it";
}

TEST_F(LocalApicTest, PeriodicTimerKeepsItsRhythm) {
    put(kDivide, 0xB);  // by 1
    put(kLvtTimer, 0x200EC);
    put(kInitial, 1'000'000);
    unsigned ticks = 0;
    for (int i = 0; i < 1000; ++i) {
        advance({100'000});
        if (apic.acknowledge()) {
            put(kEoi, 0);
            ++ticks;
        }
    }
    EXPECT_EQ(ticks, 100U);
    clock.advance({5'500'000});
    timers.run_expired();
    EXPECT_TRUE(apic.acknowledge());
    EXPECT_EQ(get(kCurrent), 500'000U);
}

TEST_F(LocalApicTest, AnAbsurdPeriodDoesNotKeepTheQueueBusy) {
    put(kDivide, 0xB);
    put(kLvtTimer, 0x200EC);
    put(kInitial, 1);
    clock.advance(milliseconds(1));
    timers.run_expired();
    EXPECT_EQ(apic.acknowledge(), 0xEC);
    EXPECT_GE(timers.next_deadline(), clock.now() + kShortestPeriod);
}

TEST_F(LocalApicTest, MaskedTimerCountsInSilence) {
    put(kDivide, 0xB);
    put(kLvtTimer, 0x100EC);
    put(kInitial, 0xFFFFFFFF);  // as Linux calibrates
    advance(milliseconds(100));
    EXPECT_EQ(get(kCurrent), 0xFFFFFFFFU - 100'000'000U);
    EXPECT_FALSE(apic.interrupt_pending());
}

TEST_F(LocalApicTest, TscDeadlineFiresWhenTheCounterGetsThere) {
    put(kLvtTimer, 0x400EC);
    EXPECT_TRUE(apic.write_msr(0x6E0, tsc.now().count + 2'000'000));  // 1 ms
    EXPECT_EQ(apic.read_msr(0x6E0), tsc.now().count + 2'000'000);
    put(kInitial, 5);
    EXPECT_EQ(get(kInitial), 0U) << "ignored in this mode";
    advance({999'000});
    EXPECT_FALSE(apic.interrupt_pending());
    advance({1'002});
    EXPECT_EQ(apic.acknowledge(), 0xEC);
    put(kEoi, 0);
    EXPECT_EQ(apic.read_msr(0x6E0), 0U);

    EXPECT_TRUE(apic.write_msr(0x6E0, 1));  // long ago
    advance({0});
    EXPECT_EQ(apic.acknowledge(), 0xEC);
    put(kEoi, 0);

    EXPECT_TRUE(apic.write_msr(0x6E0, tsc.now().count + 2'000'000));
    EXPECT_TRUE(apic.write_msr(0x6E0, 0));
    advance(whole_seconds(1));
    EXPECT_FALSE(apic.interrupt_pending()) << "0 disarms";

    EXPECT_TRUE(apic.write_msr(0x6E0, tsc.now().count + 2'000'000));
    put(kLvtTimer, 0xEC);
    EXPECT_EQ(timers.next_deadline(), kNever) << "leaving the mode disarms";
    EXPECT_TRUE(apic.write_msr(0x6E0, tsc.now().count + 2'000'000));
    EXPECT_EQ(apic.read_msr(0x6E0), 0U);
}

TEST_F(LocalApicTest, MovingTheTscMovesTheDeadline) {
    put(kLvtTimer, 0x400EC);
    EXPECT_TRUE(apic.write_msr(0x6E0, tsc.now().count + 2'000'000'000));
    tsc.set_offset(2'000'000'000);
    apic.tsc_changed();
    advance({2});
    EXPECT_TRUE(apic.interrupt_pending());
}

TEST_F(LocalApicTest, X2ApicTakesThePlaceOfThePage) {
    EXPECT_EQ(apic.page(), 0xFEE00000U);
    EXPECT_EQ(apic.read_msr(0x802), std::nullopt);
    enter_x2apic();
    EXPECT_EQ(apic.page(), std::nullopt);
    EXPECT_EQ(apic.read_msr(0x802), 0U);
    EXPECT_EQ(apic.read_msr(0x803), 0x00050014U);
    EXPECT_EQ(apic.read_msr(0x80D), 1U);
    EXPECT_TRUE(apic.write_msr(0x80F, 0x1FF));
    EXPECT_TRUE(apic.write_msr(0x83F, 0x77));
    EXPECT_EQ(apic.acknowledge(), 0x77);
    EXPECT_EQ(apic.read_msr(0x813), 1U << 0x17);
    EXPECT_FALSE(apic.write_msr(0x80B, 1));
    EXPECT_TRUE(apic.write_msr(0x80B, 0));
    out(other, kSpurious, 0x1FF, 4);
    EXPECT_TRUE(apic.write_msr(0x830, 1ULL << 32 | 0x66));
    EXPECT_EQ(apic.read_msr(0x830), 1ULL << 32 | 0x66);
    EXPECT_EQ(other.acknowledge(), 0x66);
}

TEST_F(LocalApicTest, X2ApicFaultsWhereTheManualSays) {
    enter_x2apic();
    for (const std::uint32_t number : {0x80BU, 0x80EU, 0x809U, 0x831U, 0x83FU, 0x801U, 0x8FFU}) {
        EXPECT_EQ(apic.read_msr(number), std::nullopt) << std::hex << number;
    }
    for (const std::uint32_t number :
         {0x802U, 0x803U, 0x80AU, 0x80DU, 0x810U, 0x839U, 0x831U, 0x8FFU}) {
        EXPECT_FALSE(apic.write_msr(number, 0)) << std::hex << number;
    }
    EXPECT_FALSE(apic.write_msr(0x808, 0x100));
    EXPECT_FALSE(apic.write_msr(0x80F, 1ULL << 32));
    EXPECT_FALSE(apic.write_msr(0x832, 1U << 20));
    EXPECT_FALSE(apic.write_msr(0x832, 1U << 14)) << "only pins have a remote IRR";
    EXPECT_TRUE(apic.write_msr(0x835, 0x5700)) << "which is not reserved but read-only";
    EXPECT_EQ(apic.read_msr(0x835).value_or(0) & 0xFFFF, 0x700U);
    EXPECT_TRUE(apic.write_msr(0x808, 0xF0));
}

TEST_F(LocalApicTest, ApicBaseAllowsOnlyTheManualsTransitions) {
    EXPECT_FALSE(apic.write_msr(0x1B, 0xFEE00500)) << "x2APIC without enable";
    EXPECT_FALSE(apic.write_msr(0x1B, 0xFEE00901)) << "reserved bit";
    EXPECT_TRUE(apic.write_msr(0x1B, 0xFED00900));
    EXPECT_EQ(apic.page(), 0xFED00000U);
    EXPECT_TRUE(apic.write_msr(0x1B, 0xFEE00D00));
    EXPECT_FALSE(apic.write_msr(0x1B, 0xFEE00900)) << "back to xAPIC only through off";
    EXPECT_TRUE(apic.write_msr(0x1B, 0xFEE00100));
    EXPECT_FALSE(apic.write_msr(0x1B, 0xFEE00D00)) << "from off to xAPIC first";
    EXPECT_TRUE(apic.write_msr(0x1B, 0xFEE00900));
    EXPECT_EQ(get(kSpurious), 0xFFU) << "off forgets";
}

TEST_F(LocalApicTest, InitKeepsTheBase) {
    enter_x2apic();
    EXPECT_TRUE(apic.write_msr(0x808, 0x50));
    apic.init();
    EXPECT_EQ(apic.read_msr(0x1B), 0xFEE00D00U);
    EXPECT_EQ(apic.read_msr(0x808), 0U);
}

TEST_F(LocalApicTest, MisalignedAndNarrowWritesAreDropped) {
    out(apic, kTpr, 0x50, 1);
    out(apic, kTpr + 4, 0x50, 4);
    EXPECT_EQ(get(kTpr), 0U);
    put(kTpr, 0x50);
    EXPECT_EQ(in(apic, kTpr), 0x50);
    EXPECT_EQ(in(apic, kTpr + 4, 4), 0U);
}

}  // namespace
}  // namespace redoubt::vmmd
