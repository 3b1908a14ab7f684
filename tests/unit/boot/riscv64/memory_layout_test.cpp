// Memory of a machine with a device tree: what is RAM, what is free, and where devices may be.
#include "boot/riscv64/memory_layout.hpp"

#include <gtest/gtest.h>

#include "tree_builder.hpp"

namespace redoubt::boot {
namespace {

using testing::TreeBuilder;
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

template <class List>
Ranges pairs(const List& list) {
    Ranges result;
    for (const PhysicalRange& range : list)
        result.emplace_back(range.start.value(), range.end().value());
    return result;
}

TreeBuilder small_machine() {
    TreeBuilder tree;
    tree.reserve(0x8400'0000, 0x1000);
    tree.begin("").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("reserved-memory").cells("#address-cells", {2}).cells("#size-cells", {2});
    tree.begin("firmware@80000000").cells("reg", {0, 0x8000'0000, 0, 0x8'0000}).end();
    tree.end();
    tree.begin("memory@80000000")
        .string("device_type", "memory")
        .cells("reg", {0, 0x8000'0000, 0, 0x800'0000, 0xFFFF'FFFF, 0, 0, 0x1000})
        .end();
    return tree;
}

BootInformation laid_out(TreeBuilder tree, unsigned levels = 4) {
    const auto blob = tree.end().build();
    BootInformation told{};
    const auto opened = DeviceTree::open(blob);
    told.hardware.paging_levels = levels;
    read_chosen(told, *opened);
    told.kernel_image = {PhysicalAddress{0x8020'6000}, 0x3'A000};
    told.hardware.plic = {PhysicalAddress{0xC00'0000}, 0x60'0000};
    lay_out_memory(told, *opened, {PhysicalAddress{0x8700'0800}, 0x1000},
                   {PhysicalAddress{0x8020'0000}, 0x6000}, {PhysicalAddress{0x200'0000}, 0x1'0000});
    return told;
}

TEST(MemoryLayout, RamIsWithoutTheFirmwareAndTheTreeAndWithoutWhatIsTooFarAway) {
    EXPECT_EQ(pairs(laid_out(small_machine()).ram), (Ranges{{0x8008'0000, 0x8400'0000},
                                                            {0x8400'1000, 0x8700'0000},
                                                            {0x8700'2000, 0x8800'0000}}));
}

TEST(MemoryLayout, FreeMemoryIsWithoutImageAndArchiveAndEndsWithTheLoader) {
    TreeBuilder tree = small_machine();
    tree.begin("chosen")
        .string("bootargs", "one two")
        .cells("linux,initrd-start", {0x8100'0000})
        .cells("linux,initrd-end", {0x8100'1234})
        .end();
    const BootInformation told = laid_out(tree);
    EXPECT_STREQ(told.command_line, "one two");
    EXPECT_EQ(told.boot_archive.bytes, 0x1234U);
    EXPECT_EQ(pairs(told.free_memory), (Ranges{{0x8008'0000, 0x8020'0000},
                                               {0x8024'0000, 0x8100'0000},
                                               {0x8100'2000, 0x8400'0000},
                                               {0x8400'1000, 0x8700'0000},
                                               {0x8700'2000, 0x8800'0000},
                                               {0x8020'0000, 0x8020'6000}}));
    EXPECT_EQ(told.kernel_memory, 3U);
}

TEST(MemoryLayout, DevicesAreWhereNeitherMemoryNorInterruptControllersAre) {
    EXPECT_EQ(pairs(laid_out(small_machine()).device_memory), (Ranges{{0, 0x200'0000},
                                                                      {0x201'0000, 0xC00'0000},
                                                                      {0xC60'0000, 0x8000'0000},
                                                                      {0x8800'0000, 1ULL << 46}}));
}

/// Sv39's direct map ends at 254 GiB, in the middle of it.
TEST(MemoryLayout, MemoryBeyondSv39IsForLargerModesOnly) {
    TreeBuilder tree = small_machine();
    tree.begin("memory@3000000000")
        .string("device_type", "memory")
        .cells("reg", {0x30, 0, 0x12, 0})
        .end();
    for (const unsigned levels : {3U, 4U, 5U}) {
        const BootInformation told = laid_out(tree, levels);
        const Ranges ram = pairs(told.ram);
        ASSERT_EQ(ram.size(), levels == 3 ? 4U : 5U);
        EXPECT_EQ(ram[3], (Ranges::value_type{0x30'0000'0000, 0x3F'8000'0000}));
        EXPECT_EQ(ram.back().second, levels == 3 ? 0x3F'8000'0000U : 0x42'0000'0000U);
        EXPECT_EQ(told.free_memory.items[told.kernel_memory].start.value(), 0x30'0000'0000U);
        EXPECT_EQ(pairs(told.device_memory).back(),
                  (Ranges::value_type{0x42'0000'0000, 1ULL << 46}));
    }
    const auto blob = tree.end().build();
    EXPECT_EQ(memory_end(*DeviceTree::open(blob)).value(), 0x42'0000'0000U);
}

TEST(MemoryLayout, WithoutMemoryThereIsAReason) {
    TreeBuilder tree;
    EXPECT_THROW(laid_out(tree.begin("")), std::runtime_error);
}

TEST(MemoryLayout, AnArchiveBeyondWhatIsMappedIsRefused) {
    TreeBuilder tree = small_machine();
    tree.begin("chosen")
        .cells("linux,initrd-start", {0x1'0000, 0})
        .cells("linux,initrd-end", {0x1'0000, 0x1000})
        .end();
    EXPECT_THROW(laid_out(tree), std::runtime_error);
}

}  // namespace
}  // namespace redoubt::boot
