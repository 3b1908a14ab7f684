// The guest's device tree, as dtc reads it.
#include "vmmd/arch/riscv64/boot/device_tree.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace redoubt::vmmd {
namespace {

/// The tree as source; empty if dtc refuses it.
std::string source_of(const std::vector<std::uint8_t>& tree) {
    char name[] = "device_tree_test.XXXXXX";
    const int descriptor = mkstemp(name);
    if (descriptor < 0) return {};
    auto* file = fdopen(descriptor, "w");
    std::fwrite(tree.data(), 1, tree.size(), file);
    std::fclose(file);
    auto* pipe = popen(("dtc -q -I dtb -O dts " + std::string(name)).c_str(), "r");
    std::string text;
    char buffer[4096];
    for (std::size_t bytes; (bytes = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;) {
        text.append(buffer, bytes);
    }
    const int status = pclose(pipe);
    std::remove(name);
    return status == 0 ? text : std::string();
}

MachineTree machine() {
    return {.vcpus = 2,
            .memory_bytes = 0x1'2000'0000,
            .timebase_hz = 10'000'000,
            .has_sstc = true,
            .cmdline = "console=ttyS0 quiet",
            .initrd = 0x8800'0000,
            .initrd_bytes = 0x1234};
}

class DeviceTreeTest : public testing::Test {
  protected:
    void expect(const std::string& part) const {
        EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
    }
    std::string text = source_of(make_device_tree(machine()));
};

TEST_F(DeviceTreeTest, SaysWhatTheKernelIsToDo) {
    expect("bootargs = \"console=ttyS0 quiet\"");
    expect("linux,initrd-start = <0x00 0x88000000>");
    expect("linux,initrd-end = <0x00 0x88001234>");
    expect("stdout-path = \"/soc/serial@10000000\"");
}

TEST_F(DeviceTreeTest, HasMemoryAndHarts) {
    expect("memory@80000000");
    expect("reg = <0x00 0x80000000 0x01 0x20000000>");
    expect("cpu@0");
    expect("cpu@1");
    EXPECT_EQ(text.find("cpu@2"), std::string::npos);
    expect("riscv,isa = \"rv64imafdc_zicsr_zifencei_sstc\"");
    expect("timebase-frequency = <0x989680>");
}

TEST_F(DeviceTreeTest, NamesOnlyExtensionsThatTheHartsHave) {
    MachineTree other = machine();
    other.has_sstc = false;
    other.has_vectors = true;
    text = source_of(make_device_tree(other));
    expect("riscv,isa = \"rv64imafdcv_zicsr_zifencei\"");
}

TEST_F(DeviceTreeTest, ConnectsEveryHartToTheInterruptController) {
    expect("interrupts-extended = <0x10 0x09 0x11 0x09>");
    expect("compatible = \"sifive,plic-1.0.0");
    expect("compatible = \"ns16550a\"");
    expect("interrupts = <0x0a>");
    expect("compatible = \"google,goldfish-rtc\"");
    expect("compatible = \"syscon-poweroff\"");
    expect("compatible = \"syscon-reboot\"");
}

TEST(DeviceTree, WithoutAnInitrdNamesNone) {
    auto described = machine();
    described.initrd_bytes = 0;
    const auto text = source_of(make_device_tree(described));
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find("initrd"), std::string::npos);
}

TEST(DeviceTree, HasASeedOnlyIfThereIsOne) {
    auto described = machine();
    EXPECT_EQ(source_of(make_device_tree(described)).find("rng-seed"), std::string::npos);
    const std::uint8_t seed[] = {0x11, 0x22, 0x33, 0x44};
    described.random_seed = seed;
    EXPECT_NE(source_of(make_device_tree(described)).find("rng-seed = <0x11223344>"),
              std::string::npos);
}

TEST(DeviceTree, ItsSizeDoesNotDependOnPlaces) {
    auto one = machine(), other = machine();
    other.initrd = 0x1'0000'0000;
    EXPECT_EQ(make_device_tree(one).size(), make_device_tree(other).size());
}

}  // namespace
}  // namespace redoubt::vmmd
