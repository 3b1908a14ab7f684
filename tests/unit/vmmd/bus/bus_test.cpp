// Buses: who answers, what happens at the ends of a device, and where nobody is.
#include "vmmd/bus/bus.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace redoubt::vmmd {
namespace {

/// Remembers the last access and answers with ascending bytes.
class Recorder final : public Device {
  public:
    explicit Recorder(std::uint8_t first = 0x10) : first_(first) {}
    std::string_view name() const override { return "recorder"; }
    void read(std::uint64_t offset, std::span<std::uint8_t> data) override {
        ++reads;
        last_offset = offset;
        for (std::size_t i = 0; i < data.size(); ++i)
            data[i] = static_cast<std::uint8_t>(first_ + offset + i);
    }
    void write(std::uint64_t offset, std::span<const std::uint8_t> data) override {
        ++writes;
        last_offset = offset;
        last_value = load_little_endian(data);
        last_size = data.size();
    }
    void reset() override {}

    unsigned reads = 0, writes = 0;
    std::uint64_t last_offset = 0, last_value = 0;
    std::size_t last_size = 0;

  private:
    std::uint8_t first_;
};

/// All ones, as an empty bus.
class Nobody final : public Device {
  public:
    std::string_view name() const override { return "nobody"; }
    void read(std::uint64_t, std::span<std::uint8_t> data) override {
        ++accesses;
        for (auto& byte : data) byte = 0xFF;
    }
    void write(std::uint64_t, std::span<const std::uint8_t>) override { ++accesses; }
    void reset() override {}
    unsigned accesses = 0;
};

TEST(PortBus, DeviceSeesOffsetsAndSizes) {
    Nobody nobody;
    PortBus bus(nobody);
    Recorder device;
    bus.attach(0x3F8, 8, device);
    EXPECT_EQ(bus.read(0x3FA, 1), 0x12U);
    bus.write(0x3FC, 2, 0xBEEF);
    EXPECT_EQ(device.last_offset, 4U);
    EXPECT_EQ(device.last_value, 0xBEEFU);
    EXPECT_EQ(device.last_size, 2U);
    EXPECT_EQ(nobody.accesses, 0U);
}

TEST(PortBus, NobodyReadsAsAllOnes) {
    Nobody nobody;
    PortBus bus(nobody);
    EXPECT_EQ(bus.read(0x100, 1), 0xFFU);
    EXPECT_EQ(bus.read(0x100, 2), 0xFFFFU);
    EXPECT_EQ(bus.read(0xFFFF, 4), 0xFFFF'FFFFU);
    bus.write(0xFFFF, 4, 1);
    EXPECT_EQ(nobody.accesses, 4U);
}

TEST(PortBus, AccessAcrossDevicesIsSplitIntoBytes) {
    Nobody nobody;
    PortBus bus(nobody);
    Recorder first(0x10), second(0x20);
    bus.attach(0x60, 1, first);
    bus.attach(0x61, 1, second);
    EXPECT_EQ(bus.read(0x60, 2), 0x2010U);
    EXPECT_EQ(bus.read(0x61, 2), 0xFF20U);
    bus.write(0x60, 4, 0x4433'2211);
    EXPECT_EQ(first.last_value, 0x11U);
    EXPECT_EQ(second.last_value, 0x22U);
}

TEST(PortBus, OverlapAndNonsenseAreErrorsOfTheProgram) {
    Nobody nobody;
    PortBus bus(nobody);
    Recorder device;
    bus.attach(0x60, 4, device);
    EXPECT_THROW(bus.attach(0x63, 1, device), std::logic_error);
    EXPECT_THROW(bus.attach(0xFFFF, 2, device), std::logic_error);
    EXPECT_THROW(bus.attach(0x70, 0, device), std::logic_error);
}

TEST(MmioBus, RoutesByRangeAndRefusesOverlap) {
    Nobody nobody;
    MmioBus bus(nobody);
    Recorder device;
    bus.attach(0xFEC0'0000, 0x1000, device);
    std::array<std::uint8_t, 4> data{};
    bus.read(0xFEC0'0010, data);
    EXPECT_EQ(device.last_offset, 0x10U);
    bus.read(0xFEC0'0FFE, data);  // sticks out
    EXPECT_EQ(nobody.accesses, 1U);
    EXPECT_EQ(data[0], 0xFF);
    bus.write(0, data);
    EXPECT_EQ(nobody.accesses, 2U);
    EXPECT_THROW(bus.attach(0xFEC0'0800, 0x1000, device), std::logic_error);
}

}  // namespace
}  // namespace redoubt::vmmd
