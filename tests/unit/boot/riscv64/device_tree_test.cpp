// Device trees: what is read, and that broken ones are refused without harm.
#include "boot/riscv64/device_tree.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tree_builder.hpp"

namespace redoubt::boot {
namespace {

using testing::TreeBuilder;

TreeBuilder small_machine() {
    TreeBuilder tree;
    tree.reserve(0x8000'0000, 0x8'0000);
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("chosen").string("bootargs", "one two").end();
    tree.nop();
    tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
    tree.begin("cpu@3").string("device_type", "cpu").cells("reg", {3}).end();
    tree.begin("cpu@4").cells("reg", {4}).string("status", "disabled").end();
    tree.end();
    tree.begin("soc");
    tree.begin("serial@10000000")
        .string("compatible", std::string("vendor,one\0ns16550a", 19))
        .cells("reg", {0, 0x1000'0000, 0, 0x100, 1, 2, 3, 4})
        .end();
    tree.end();
    return tree.end();
}

std::optional<DeviceTree::Node> find(const DeviceTree& tree, std::string_view name) {
    std::optional<DeviceTree::Node> found;
    tree.for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node&) {
        if (node.name() == name) found = node;
    });
    return found;
}

TEST(DeviceTree, NodesComeParentsFirst) {
    const auto blob = small_machine().build();
    const auto tree = DeviceTree::open(blob);
    ASSERT_TRUE(tree);
    std::string order;
    tree->for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
        order += std::string(parent.name()) + "/" + std::string(node.name()) + " ";
    });
    EXPECT_EQ(order, "/chosen /cpus cpus/cpu@3 cpus/cpu@4 /soc soc/serial@10000000 ");
}

TEST(DeviceTree, PropertiesAreNumbersTextsAndLists) {
    const auto blob = small_machine().build();
    const auto tree = DeviceTree::open(blob);
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->root().cell("#size-cells"), 2U);
    EXPECT_FALSE(tree->root().cell("#interrupt-cells"));
    EXPECT_EQ(find(*tree, "chosen")->string("bootargs"), "one two");
    EXPECT_EQ(find(*tree, "chosen")->string("stdout-path"), "");
    const auto serial = *find(*tree, "serial@10000000");
    EXPECT_TRUE(serial.is_compatible("ns16550a"));
    EXPECT_TRUE(serial.is_compatible("vendor,one"));
    EXPECT_FALSE(serial.is_compatible("ns16550"));
    EXPECT_TRUE(serial.is_enabled());
    EXPECT_FALSE(find(*tree, "cpu@4")->is_enabled());
}

TEST(DeviceTree, RegIsReadInTheParentsCells) {
    const auto blob = small_machine().build();
    const auto tree = DeviceTree::open(blob);
    ASSERT_TRUE(tree);
    const auto cpus = *find(*tree, "cpus");
    EXPECT_EQ(find(*tree, "cpu@3")->first_register_range(cpus)->start, PhysicalAddress{3});
    std::vector<PhysicalRange> ranges;
    find(*tree, "serial@10000000")->for_each_register_range(tree->root(), [&](PhysicalRange r) {
        ranges.push_back(r);
    });
    ASSERT_EQ(ranges.size(), 2U);
    EXPECT_EQ(ranges[0].start, PhysicalAddress{0x1000'0000});
    EXPECT_EQ(ranges[1].bytes, 0x3'0000'0004U);
}

TEST(DeviceTree, ReservationsEndWithAnEmptyOne) {
    const auto blob = small_machine().build();
    const auto tree = DeviceTree::open(blob);
    ASSERT_TRUE(tree);
    unsigned count = 0;
    tree->for_each_reservation([&](PhysicalRange range) {
        EXPECT_EQ(range.start, PhysicalAddress{0x8000'0000});
        ++count;
    });
    EXPECT_EQ(count, 1U);
}

TEST(DeviceTree, WhatIsNoTreeIsRefused) {
    auto blob = small_machine().build();
    EXPECT_FALSE(DeviceTree::open({}));
    EXPECT_FALSE(DeviceTree::open(std::span{blob}.first(39)));
    EXPECT_FALSE(DeviceTree::open(std::span{blob}.first(blob.size() - 1)));
    blob[0] = std::byte{0};
    EXPECT_EQ(DeviceTree::size_of(blob), 0U);
    EXPECT_FALSE(DeviceTree::open(blob));
}

TEST(DeviceTree, UnbalancedAndTooDeepTreesAreRefused) {
    EXPECT_FALSE(DeviceTree::open(TreeBuilder{}.begin("").build()));
    EXPECT_FALSE(DeviceTree::open(TreeBuilder{}.begin("").end().end().build()));
    EXPECT_FALSE(DeviceTree::open(TreeBuilder{}.build()));
    TreeBuilder deep;
    for (unsigned i = 0; i <= DeviceTree::kMaximumDepth; ++i) deep.begin("x");
    for (unsigned i = 0; i <= DeviceTree::kMaximumDepth; ++i) deep.end();
    EXPECT_FALSE(DeviceTree::open(deep.build()));
}

/// Whatever is accepted can be read throughout: a sanitizer would tell.
TEST(DeviceTree, DamagedTreesAreReadWithinTheirBounds) {
    const auto original = small_machine().build();
    std::mt19937 random{1};
    for (unsigned round = 0; round < 20'000; ++round) {
        auto blob = original;
        for (unsigned i = 0; i <= round % 4; ++i)
            blob[random() % blob.size()] = static_cast<std::byte>(random());
        const auto tree = DeviceTree::open(blob);
        if (!tree) continue;
        std::size_t sum = 0;
        tree->for_each_reservation([&](PhysicalRange range) { sum += range.bytes; });
        tree->for_each_node([&](const DeviceTree::Node& node, const DeviceTree::Node& parent) {
            node.for_each_register_range(parent, [&](PhysicalRange range) { sum += range.bytes; });
            sum += node.is_compatible("ns16550a") + node.string("bootargs").size();
        });
        static_cast<void>(sum);
    }
}

}  // namespace
}  // namespace redoubt::boot
