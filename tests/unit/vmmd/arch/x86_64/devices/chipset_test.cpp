// The chipset: the ranges it claims, and interrupts from a device's register to the vCPU.
#include "arch/chipset.hpp"

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/vmmd/devices/device_fixture.hpp"
#include "vmmd/arch/x86_64/devices/acpi_pm.hpp"
#include "vmmd/arch/x86_64/devices/local_apic.hpp"

namespace redoubt::vmmd {
namespace {

class ChipsetTest : public DeviceTest {
  protected:
    ChipsetTest() : chipset(timers, options()) {
        chipset.attach([this](std::uint64_t base, std::uint64_t size,
                              Device& device) { add(ports, base, size, device); },
                       [this](std::uint64_t base, std::uint64_t size, Device& device) {
                           add(memory, base, size, device);
                       });
    }
    ChipsetOptions options() {
        ChipsetOptions o;
        o.vcpus = 2;
        o.kick_vcpu = [this](unsigned vcpu) { kicked = static_cast<int>(vcpu); };
        o.power_off = [this] { ++power_offs; };
        o.reset = [this](std::string_view how) { resets.emplace_back(how); };
        o.startup_vcpu = [this](unsigned vcpu, std::uint8_t vector) { started = {vcpu, vector}; };
        o.debug_port = [this](std::uint8_t byte) { debug += static_cast<char>(byte); };
        return o;
    }
    struct Range {
        std::uint64_t size;
        Device* device;
    };
    using Bus = std::map<std::uint64_t, Range>;
    static void add(Bus& bus, std::uint64_t base, std::uint64_t size, Device& device) {
        for (const auto& [other, range] : bus) {
            EXPECT_TRUE(base + size <= other || other + range.size <= base) << std::hex << base;
        }
        bus[base] = {size, &device};
    }
    std::uint64_t port_in(std::uint64_t port, std::size_t bytes = 1) {
        const auto at = std::prev(ports.upper_bound(port));
        return in(*at->second.device, port - at->first, bytes);
    }
    void port_out(std::uint64_t port, std::uint64_t value, std::size_t bytes = 1) {
        const auto at = std::prev(ports.upper_bound(port));
        out(*at->second.device, port - at->first, value, bytes);
    }
    void io_apic(std::uint8_t index, std::uint32_t value) {
        out(*memory.at(0xFEC00000).device, 0x00, index, 4);
        out(*memory.at(0xFEC00000).device, 0x10, value, 4);
    }

    std::atomic<int> kicked = -1;
    unsigned power_offs = 0;
    std::vector<std::string> resets;
    std::pair<unsigned, std::uint8_t> started{};
    std::string debug;
    Bus ports, memory;
    Chipset chipset;
};

TEST_F(ChipsetTest, TimerTicksThroughThePicAtStart) {
    for (const auto& [port, value] : std::vector<std::pair<unsigned, unsigned>>{
             {0x20, 0x11}, {0x21, 0x30}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xFE}}) {
        port_out(port, value);
    }
    port_out(0x43, 0x34);
    port_out(0x40, 0xA9);
    port_out(0x40, 0x04);  // 1,000 Hz
    auto& apic = chipset.local_apic(0);
    while (apic.acknowledge()) port_out(0x20, 0x20);
    kicked = -1;
    advance(milliseconds(2));
    EXPECT_EQ(kicked, 0);
    EXPECT_TRUE(apic.interrupt_pending());
    EXPECT_FALSE(chipset.local_apic(1).interrupt_pending());
    EXPECT_EQ(apic.acknowledge(), 0x30);
}

TEST_F(ChipsetTest, TimerTicksThroughIoApicInputTwo) {
    // check_timer: the timer's pin with vector 0x30, the 8259 masked.
    port_out(0x21, 0xFF);
    port_out(0xA1, 0xFF);
    io_apic(0x15, 0);
    io_apic(0x14, 0x30);
    port_out(0x43, 0x34);
    port_out(0x40, 0xA9);
    port_out(0x40, 0x04);
    advance(milliseconds(2));
    EXPECT_EQ(chipset.local_apic(0).acknowledge(), 0x30);
    out(chipset.local_apic(0), 0xB0, 0, 4);
    EXPECT_FALSE(chipset.local_apic(0).interrupt_pending());
    advance(milliseconds(1));
    EXPECT_EQ(chipset.local_apic(0).acknowledge(), 0x30);
}

TEST_F(ChipsetTest, PowerButtonIsALevelUntilTheGuestClearsIt) {
    io_apic(0x10 + 2 * 9 + 1, 0);
    io_apic(0x10 + 2 * 9, 1U << 15 | 0x49);
    port_out(AcpiPm::kPm1EventPort + 2, 0x0100, 2);
    chipset.press_power_button();
    auto& apic = chipset.local_apic(0);
    EXPECT_EQ(apic.acknowledge(), 0x49);
    out(apic, 0xB0, 0, 4);
    EXPECT_EQ(apic.acknowledge(), 0x49) << "still asserted: again";
    port_out(AcpiPm::kPm1EventPort, 0x0100, 2);
    out(apic, 0xB0, 0, 4);
    EXPECT_FALSE(apic.interrupt_pending());
}

TEST_F(ChipsetTest, PowerOffAndResets) {
    port_out(AcpiPm::kPm1ControlPort, AcpiPm::kSleepTypeS5 << 10 | 1 << 13, 2);
    EXPECT_EQ(power_offs, 1U);
    port_out(0x64, 0xFE);
    port_out(0xCF9, 0x06);
    EXPECT_EQ(resets,
              (std::vector<std::string>{"by the keyboard controller", "through port 0xcf9"}));
}

TEST_F(ChipsetTest, SerialInterruptsReachTheIoApic) {
    io_apic(0x19, 0);
    io_apic(0x18, 0x34);
    port_out(0x3F8 + 4, 0x0B);
    port_out(0x3F8 + 1, 0x01);
    const std::array<std::uint8_t, 1> byte{'x'};
    EXPECT_EQ(chipset.serial_input().receive(byte), 1U);
    EXPECT_EQ(chipset.local_apic(0).acknowledge(), 0x34);
    EXPECT_EQ(port_in(0x3F8), 'x');
}

TEST_F(ChipsetTest, MessageSignalledInterruptsAndSipisFindTheirVcpu) {
    out(chipset.local_apic(1), 0xF0, 0x1FF, 4);
    chipset.message_signalled_interrupt(0xFEE01000, 0x55);
    EXPECT_EQ(kicked, 1);
    EXPECT_EQ(chipset.local_apic(1).acknowledge(), 0x55);
    out(chipset.local_apic(0), 0x310, 1U << 24, 4);
    out(chipset.local_apic(0), 0x300, 0x4609, 4);
    EXPECT_EQ(started, (std::pair{1U, std::uint8_t{9}}));
}

TEST_F(ChipsetTest, DebugAndPostPorts) {
    port_out(0x402, 'a');
    port_out(0xE9, 'b');
    EXPECT_EQ(debug, "ab");
    port_out(0x80, 0x17);
    EXPECT_EQ(chipset.post_code(), 0x17);
}

TEST_F(ChipsetTest, WideAccessesBeyondARangeFindNothing) {
    for (const auto& [base, range] : ports) {
        const auto last = base + range.size - 1;
        if (last >= AcpiPm::kPort) continue;  // those take wide accesses
        EXPECT_EQ(port_in(last, 2) >> 8, 0xFFU) << std::hex << last;
        port_out(last, 0xFFFFFFFFFFFFFFFF, 8);
    }
}

TEST_F(ChipsetTest, AllThreadsMayUseItAtOnce) {
    // Meant for the sanitizers: a vCPU, timers, input and the management socket.
    constexpr int kRounds = 300;
    for (unsigned vcpu = 0; vcpu < 2; ++vcpu) out(chipset.local_apic(vcpu), 0xF0, 0x1FF, 4);
    io_apic(0x18, 0x34);
    io_apic(0x22, 1U << 15 | 0x49);
    port_out(0x20, 0x11);
    for (const auto value : {0x30, 0x04, 0x01, 0x00}) port_out(0x21, value);
    port_out(0x43, 0x34);
    port_out(0x40, 0xA9);
    port_out(0x40, 0x04);
    port_out(0x3F8 + 4, 0x0B);
    port_out(0x3F8 + 1, 0x01);
    port_out(AcpiPm::kPm1EventPort + 2, 0x0100, 2);
    chipset.serial_input().set_ready_callback([] {});
    const auto repeat = [](auto action) {
        return std::jthread([action] {
            for (int i = 0; i < kRounds; ++i) action();
        });
    };
    std::vector<std::jthread> threads;
    for (unsigned vcpu = 0; vcpu < 2; ++vcpu) {
        threads.push_back(repeat([this, vcpu] {
            auto& apic = chipset.local_apic(vcpu);
            if (apic.interrupt_pending() && apic.acknowledge()) out(apic, 0xB0, 0, 4);
            out(apic, 0x310, (1U - vcpu) << 24, 4);
            out(apic, 0x300, 0x4000 | (0x60 + vcpu), 4);
            out(apic, 0x380, 100, 4);
            port_in(0x3F8);
            port_out(0x20, 0x20);
            port_out(AcpiPm::kPm1EventPort, 0x0100, 2);
        }));
    }
    threads.push_back(repeat([this] {
        clock.advance(milliseconds(1));
        timers.run_expired();
    }));
    threads.push_back(repeat([this] { chipset.press_power_button(); }));
    threads.push_back(repeat([this] {
        const std::array<std::uint8_t, 3> bytes{'a', 'b', 'c'};
        chipset.serial_input().receive(bytes);
    }));
    threads.clear();
    EXPECT_GT(clock.now(), whole_seconds(10));
}

TEST_F(ChipsetTest, ResetLeavesTheMachineAsAfterPowerOn) {
    io_apic(0x14, 0x30);
    port_out(0x43, 0x34);
    port_out(0x40, 0xA9);
    port_out(0x40, 0x04);
    chipset.reset_all();
    EXPECT_EQ(timers.next_deadline(), kNever);
    advance(milliseconds(10));
    EXPECT_FALSE(chipset.local_apic(0).interrupt_pending());
    EXPECT_EQ(in(chipset.local_apic(0), 0xF0, 4), 0x1FFU);
    EXPECT_EQ(in(chipset.local_apic(0), 0x350, 4), 0x700U);
}

}  // namespace
}  // namespace redoubt::vmmd
