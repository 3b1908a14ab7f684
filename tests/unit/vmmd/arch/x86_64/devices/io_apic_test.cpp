// The I/O APIC: registers as Linux reads them, edges, levels, and the remote IRR.
#include "vmmd/arch/x86_64/devices/io_apic.hpp"

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class IoApicTest : public DeviceTest {
  protected:
    std::uint32_t get(std::uint8_t index) {
        out(io_apic, 0x00, index, 4);
        return static_cast<std::uint32_t>(in(io_apic, 0x10, 4));
    }
    void put(std::uint8_t index, std::uint32_t value) {
        out(io_apic, 0x00, index, 4);
        out(io_apic, 0x10, value, 4);
    }
    void entry(unsigned pin, std::uint32_t low, std::uint8_t destination = 0) {
        put(static_cast<std::uint8_t>(0x11 + 2 * pin), static_cast<std::uint32_t>(destination)
                                                           << 24);
        put(static_cast<std::uint8_t>(0x10 + 2 * pin), low);
    }

    std::vector<InterruptMessage> sent;
    IoApic io_apic{[this](const InterruptMessage& message) { sent.push_back(message); }};
    static constexpr std::uint32_t kLevel = 1U << 15;
    static constexpr std::uint32_t kRemoteIrr = 1U << 14;
    static constexpr std::uint32_t kMasked = 1U << 16;
};

TEST_F(IoApicTest, SaysWhatItIs) {
    EXPECT_EQ(get(0x01), 0x00170020U);
    put(0x00, 0x0F000000);
    EXPECT_EQ(get(0x00), 0x0F000000U);
    EXPECT_EQ(get(0x10), kMasked) << "masked after reset";
    EXPECT_EQ(get(0x3F), 0U);
    EXPECT_EQ(get(0x40), 0U) << "beyond the last entry";
}

TEST_F(IoApicTest, EdgesBecomeMessages) {
    entry(4, 0x0834, 0x03);  // logical
    io_apic.input(4).set(true);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].vector, 0x34);
    EXPECT_EQ(sent[0].destination, 3U);
    EXPECT_TRUE(sent[0].logical);
    EXPECT_FALSE(sent[0].level);
    io_apic.input(4).set(true);
    EXPECT_EQ(sent.size(), 1U);
    io_apic.input(4).set(false);
    EXPECT_EQ(sent.size(), 1U);
    io_apic.input(4).set(true);
    EXPECT_EQ(sent.size(), 2U);
}

TEST_F(IoApicTest, MaskedEdgesAreLost) {
    entry(4, kMasked | 0x34);
    io_apic.input(4).set(true);
    entry(4, 0x34);
    EXPECT_TRUE(sent.empty());
}

TEST_F(IoApicTest, LevelsRepeatAfterEndOfInterruptWhileAsserted) {
    entry(9, kLevel | 0x49);
    io_apic.input(9).set(true);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_TRUE(sent[0].level);
    EXPECT_NE(get(0x22) & kRemoteIrr, 0U);
    io_apic.input(9).set(false);
    io_apic.input(9).set(true);
    EXPECT_EQ(sent.size(), 1U) << "remote IRR holds it back";
    io_apic.end_of_interrupt(0x48);
    EXPECT_EQ(sent.size(), 1U) << "another vector's end";
    io_apic.end_of_interrupt(0x49);
    EXPECT_EQ(sent.size(), 2U);
    io_apic.input(9).set(false);
    out(io_apic, 0x40, 0x49, 4);  // EOI register
    EXPECT_EQ(sent.size(), 2U);
    EXPECT_EQ(get(0x22) & kRemoteIrr, 0U);
}

TEST_F(IoApicTest, MaskedLevelsComeWhenUnmasked) {
    entry(9, kMasked | kLevel | 0x49);
    io_apic.input(9).set(true);
    EXPECT_TRUE(sent.empty());
    entry(9, kLevel | 0x49);
    EXPECT_EQ(sent.size(), 1U);
}

TEST_F(IoApicTest, SwitchingToEdgeClearsTheRemoteIrr) {
    entry(9, kLevel | 0x49);
    io_apic.input(9).set(true);
    entry(9, kMasked | 0x49);
    io_apic.input(9).set(false);
    entry(9, kMasked | kLevel | 0x49);
    EXPECT_EQ(get(0x22) & kRemoteIrr, 0U);
}

TEST_F(IoApicTest, NarrowReadsGiveTheRegistersBytes) {
    out(io_apic, 0x00, 0x01, 1);
    EXPECT_EQ(in(io_apic, 0x12), 0x17);
    EXPECT_EQ(in(io_apic, 0x20, 4), 0U);
}

}  // namespace
}  // namespace redoubt::vmmd
