// What is found in a device tree like QEMU's.
#include "boot/riscv64/machine.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tree_builder.hpp"

namespace redoubt::boot {
namespace {

using testing::TreeBuilder;

void add_processor(TreeBuilder& tree, std::uint32_t hart, std::uint32_t controller,
                   const char* status = "okay") {
    tree.begin("cpu@" + std::to_string(hart))
        .string("device_type", "cpu")
        .cells("reg", {hart})
        .string("status", status)
        .string("riscv,isa", "rv64imafdch_zicsr_sstc")
        .string("riscv,unknown", "x");
    tree.begin("interrupt-controller")
        .string("compatible", "riscv,cpu-intc")
        .cells("phandle", {controller})
        .end();
    tree.end();
}

TreeBuilder machine_tree() {
    TreeBuilder tree;
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("cpus")
        .cells("#address-cells", {1})
        .cells("#size-cells", {0})
        .cells("timebase-frequency", {10'000'000});
    add_processor(tree, 0, 4);
    add_processor(tree, 1, 2);
    tree.end();
    tree.begin("soc").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("serial@10000000")
        .string("compatible", "ns16550a")
        .cells("reg", {0, 0x1000'0000, 0, 0x100})
        .cells("interrupts", {10})
        .end();
    tree.begin("test@100000")
        .string("compatible", std::string("sifive,test1\0sifive,test0\0syscon", 32))
        .cells("reg", {0, 0x10'0000, 0, 0x1000})
        .end();
    for (std::uint32_t i : {1U, 0U}) {
        tree.begin("virtio_mmio@" + std::to_string(i))
            .string("compatible", "virtio,mmio")
            .cells("reg", {0, 0x1000'1000 + i * 0x1000, 0, 0x1000})
            .cells("interrupts", {1 + i})
            .end();
    }
    tree.begin("plic@c000000")
        .string("compatible", "riscv,plic0")
        .cells("reg", {0, 0xC00'0000, 0, 0x60'0000})
        .cells("riscv,ndev", {96})
        .cells("interrupts-extended", {4, 11, 4, 9, 2, 11, 2, 9})
        .end();
    return tree.end().end();
}

TEST(Machine, ProcessorsDevicesAndTheirInterrupts) {
    const auto blob = machine_tree().build();
    BootInformation told{};
    const LocalDevices local = read_machine(told, *DeviceTree::open(blob));
    const Hardware& hardware = told.hardware;
    EXPECT_EQ(told.ticks_per_second, 10'000'000U);
    EXPECT_STREQ(hardware.isa, "rv64imafdch_zicsr_sstc");
    ASSERT_EQ(hardware.processors.count, 2U);
    EXPECT_EQ(hardware.processors.items[0].plic_context, 1U);
    EXPECT_EQ(hardware.processors.items[1].hart, 1U);
    EXPECT_EQ(hardware.processors.items[1].plic_context, 3U);
    EXPECT_EQ(hardware.console.registers.start, PhysicalAddress{0x1000'0000});
    EXPECT_EQ(hardware.test_finisher, PhysicalAddress{0x10'0000});
    EXPECT_EQ(hardware.plic.bytes, 0x60'0000U);
    EXPECT_EQ(hardware.plic_sources, 96U);
    EXPECT_EQ(local.real_time_clock, PhysicalAddress{0});
    EXPECT_EQ(told.machine.console.address, 0x1000'0000U);
    EXPECT_EQ(told.machine.console.interrupt, 10U);
    EXPECT_EQ(told.machine.test_finisher, 0x10'0000U);
    ASSERT_EQ(told.machine.virtio_count, 2U);
    EXPECT_EQ(told.machine.virtio[0].address, 0x1000'2000U);
    EXPECT_EQ(told.machine.virtio[0].interrupt, 2U);
}

TEST(Machine, ADisabledProcessorIsLeftOut) {
    TreeBuilder tree;
    tree.begin("").begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    add_processor(tree, 0, 4, "disabled");
    add_processor(tree, 1, 2);
    const auto blob = tree.end().end().build();
    BootInformation told{};
    read_machine(told, *DeviceTree::open(blob));
    ASSERT_EQ(told.hardware.processors.count, 1U);
    EXPECT_EQ(told.hardware.processors.items[0].hart, 1U);
    EXPECT_EQ(told.hardware.console.registers.bytes, 0U);
    EXPECT_EQ(told.machine.console.address, 0U);
}

void add_plic(TreeBuilder& tree, std::initializer_list<std::uint32_t> targets) {
    tree.begin("plic@c000000")
        .string("compatible", "riscv,plic0")
        .cells("reg", {0xC00'0000, 0x60'0000})
        .cells("interrupts-extended", targets)
        .end();
}

TEST(Machine, ProcessorsThatAreLeftOutTakeNobodysInterrupts) {
    TreeBuilder tree;
    tree.begin("").cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    add_processor(tree, 0, 100);
    add_processor(tree, 1, 101, "disabled");
    for (std::uint32_t i = 2; i < 70; ++i) add_processor(tree, i, 100 + i);
    tree.end();
    add_plic(tree, {101, 9, 100, 9, 164, 9, 165, 9});
    const auto blob = tree.end().build();
    BootInformation told{};
    read_machine(told, *DeviceTree::open(blob));
    const auto& processors = told.hardware.processors;
    ASSERT_EQ(processors.count, 64U);
    EXPECT_EQ(processors.dropped, 5U);
    EXPECT_EQ(processors.items[0].plic_context, 1U);
    EXPECT_EQ(processors.items[63].hart, 64U);
    EXPECT_EQ(processors.items[63].plic_context, 2U);
}

TEST(Machine, TheProcessorThatBootsIsInTheListHoweverManyThereAre) {
    TreeBuilder tree;
    tree.begin("").cells("#address-cells", {1}).cells("#size-cells", {1});
    tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    for (std::uint32_t i = 0; i < 70; ++i) add_processor(tree, i, 100 + i);
    tree.end();
    add_plic(tree, {163, 9, 166, 9, 169, 9});
    const auto blob = tree.end().build();
    BootInformation told{};
    told.hardware.boot_hart = 66;
    read_machine(told, *DeviceTree::open(blob));
    const auto& processors = told.hardware.processors;
    ASSERT_EQ(processors.count, 64U);
    EXPECT_EQ(processors.dropped, 6U);
    EXPECT_EQ(processors.items[63].hart, 66U);
    EXPECT_EQ(processors.items[63].plic_context, 1U);
}

TEST(Machine, MoreDevicesThanThereIsRoomForAreLeftOut) {
    TreeBuilder tree;
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    for (std::uint32_t i = 0; i < 40; ++i) {
        tree.begin("virtio_mmio@" + std::to_string(i))
            .string("compatible", "virtio,mmio")
            .cells("reg", {0, 0x1000'1000 + i * 0x1000, 0, 0x1000})
            .end();
    }
    tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    for (std::uint32_t i = 0; i < 80; ++i) add_processor(tree, i, 100 + i);
    const auto blob = tree.end().end().build();
    BootInformation told{};
    read_machine(told, *DeviceTree::open(blob));
    EXPECT_EQ(told.machine.virtio_count, abi::kMaximumVirtioDevices);
    EXPECT_EQ(told.hardware.processors.count, 64U);
    EXPECT_EQ(told.hardware.processors.dropped, 16U);
}

}  // namespace
}  // namespace redoubt::boot
