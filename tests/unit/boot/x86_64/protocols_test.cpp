// Loaders' memory maps, modules and command lines, and what remains free.
#include "boot/x86_64/protocols.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "boot/x86_64/memory_layout.hpp"
#include "tests/unit/boot/low_memory.hpp"

namespace redoubt::boot {
namespace {

constexpr std::uint32_t kPvhMagic = 0x336EC578, kMultiboot2Magic = 0x36D76289;

struct MapEntry {
    std::uint64_t address, size;
    std::uint32_t type = 1, reserved = 0;
};

struct PvhStart {
    std::uint32_t magic = kPvhMagic, version = 1, flags = 0, module_count = 0;
    std::uint64_t modules = 0, command_line = 0, rsdp = 0, memory_map = 0;
    std::uint32_t memory_map_count = 0, reserved = 0;
};

class ProtocolsTest : public testing::Test {
  protected:
    void start(const std::vector<MapEntry>& map, PhysicalRange module = {},
               const char* command_line = "") {
        PvhStart start;
        start.memory_map = memory_.put(std::span<const MapEntry>{map}).value();
        start.memory_map_count = static_cast<std::uint32_t>(map.size());
        start.command_line = memory_.put(command_line, std::strlen(command_line) + 1).value();
        const std::uint64_t entry[4] = {module.start.value(), module.bytes, 0, 0};
        start.modules = memory_.put(entry, sizeof entry).value();
        start.module_count = module.bytes != 0 ? 1 : 0;
        root_ = read_loader_information(told_, map_, kPvhMagic, memory_.put(&start, sizeof start));
    }

    /// With an image at 1 MiB: a loader of 0x8000 bytes, then the kernel.
    void lay_out() {
        told_.kernel_image = {PhysicalAddress{0x10'8000}, 0x1'B800};
        lay_out_memory(told_, map_, {PhysicalAddress{0x10'0000}, 0x8000}, 40);
    }

    std::vector<std::pair<std::uint64_t, std::uint64_t>> free_memory() const {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> list;
        for (const PhysicalRange& range : told_.free_memory) {
            list.emplace_back(range.start.value(), range.end().value());
        }
        return list;
    }

    test::LowMemory memory_;
    BootInformation told_{};
    MemoryMap map_{};
    RootPointer root_;
};

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

TEST_F(ProtocolsTest, FreeMemoryLeavesOutImageArchiveAndLowMemoryAndEndsWithTheLoader) {
    start({{0, 0x9FC00}, {0x10'0000, 0x7FE0'0000}}, {PhysicalAddress{0x100'0800}, 0x1000});
    lay_out();
    EXPECT_EQ(free_memory(),
              (Ranges{{0x12'4000, 0x100'0000}, {0x100'2000, 0x7FF0'0000}, {0x10'0000, 0x10'8000}}));
    EXPECT_EQ(told_.kernel_memory, 1U);
}

TEST_F(ProtocolsTest, UnsortedMapAndPartialPagesAreHandled) {
    start({{0x1'0000'0000, 0x4000'0000}, {0x10'0000, 0x10'0800}, {0x40'0800, 0x1000}});
    lay_out();
    EXPECT_EQ(
        free_memory(),
        (Ranges{{0x12'4000, 0x20'0000}, {0x1'0000'0000, 0x1'4000'0000}, {0x10'0000, 0x10'8000}}));
}

TEST_F(ProtocolsTest, BootMemoryIsTheLargestFreePieceBelow4GiB) {
    start({{0x10'0000, 0x100'0000}, {0x1000'0000, 0x2000'0000}, {0x1'0000'0000, 0x8000'0000}},
          {PhysicalAddress{0x1000'0000}, 0x5000});
    lay_out();
    const PhysicalRange range = told_.free_memory.items[told_.kernel_memory];
    EXPECT_EQ(range.start, PhysicalAddress{0x1000'5000});
    EXPECT_EQ(range.end(), PhysicalAddress{0x3000'0000});
}

TEST_F(ProtocolsTest, DeviceMemoryLiesBesideRamAndExcludesInterruptControllers) {
    start({{0x10'0000, 0x7FF0'0000}, {0xB000'0000, 0x1000'0000, 2}, {0x1'0000'0000, 0x4000'0000}});
    lay_out();
    ASSERT_EQ(told_.device_memory.count, 2U);
    EXPECT_EQ(told_.device_memory.items[0].start, PhysicalAddress{0x8000'0000});
    EXPECT_EQ(told_.device_memory.items[0].end(), PhysicalAddress{0xFEC0'0000});
    EXPECT_EQ(told_.device_memory.items[1].start, PhysicalAddress{0x1'4000'0000});
    EXPECT_EQ(told_.device_memory.items[1].end(), PhysicalAddress{1ULL << 40});
}

TEST_F(ProtocolsTest, DeviceMemoryIsBehindRamThatCrosses4GiB) {
    start({{0x10'0000, 0x100'0000}, {0x8000'0000, 0xC000'0000}});
    lay_out();
    ASSERT_EQ(told_.device_memory.count, 1U);
    EXPECT_EQ(told_.device_memory.items[0].start, PhysicalAddress{0x1'4000'0000});
}

TEST_F(ProtocolsTest, RegionsThatDoNotEndAreReservedNevertheless) {
    start({{0x10'0000, 0x100'0000}, {0x80'0000, ~0ULL, 2}, {~0ULL - 0x100, 0x1000, 1}});
    find_ram(told_, map_);
    ASSERT_EQ(told_.ram.count, 1U);
    EXPECT_EQ(told_.ram.items[0].end(), PhysicalAddress{0x80'0000});
}

TEST_F(ProtocolsTest, RegionsThatOverlapAreUsedOnceAndWhatIsReservedNotAtAll) {
    start({{0x10'0000, 0x100'0000},
           {0x80'0000, 0x100'0000},
           {0x90'0000, 0x1000, 2},
           {0x90'0000, 0x10'0000},
           {0xA0'0800, 0x800, 3}});
    find_ram(told_, map_);
    Ranges ram;
    for (const PhysicalRange& range : told_.ram)
        ram.emplace_back(range.start.value(), range.end().value());
    EXPECT_EQ(ram, (Ranges{{0x10'0000, 0x90'0000},
                           {0x90'1000, 0xA0'0000},
                           {0xA0'1000, 0x110'0000},
                           {0x110'0000, 0x180'0000}}));
}

TEST_F(ProtocolsTest, ProcessorsStartInLowMemoryIfThereIsAny) {
    start({{0, 0x9FC00}, {0x10'0000, 0x100'0000}});
    lay_out();
    EXPECT_EQ(told_.hardware.start_page, PhysicalAddress{0x8000});
    told_ = {};
    map_ = {};
    start({{0, 0x8000}, {0x10'0000, 0x100'0000}});
    lay_out();
    EXPECT_EQ(told_.hardware.start_page, PhysicalAddress{0});
}

TEST_F(ProtocolsTest, CommandLineIsCutToItsBuffer) {
    start({{0x10'0000, 0x100'0000}}, {}, "quiet panic-test");
    EXPECT_STREQ(told_.command_line, "quiet panic-test");
    told_ = {};
    start({{0x10'0000, 0x100'0000}}, {}, std::string(1000, 'x').c_str());
    EXPECT_EQ(std::strlen(told_.command_line), sizeof(told_.command_line) - 1);
}

TEST_F(ProtocolsTest, Multiboot2TagsGiveTheSame) {
    std::vector<std::uint32_t> words{0, 0};
    const auto tag = [&](std::uint32_t type, std::vector<std::uint32_t> payload) {
        words.push_back(type);
        words.push_back(static_cast<std::uint32_t>(8 + payload.size() * 4));
        words.insert(words.end(), payload.begin(), payload.end());
        if (words.size() % 2 != 0) words.push_back(0);
    };
    tag(1, {0x656D6F73, 0});  // "some"
    tag(3, {0x200'0000, 0x200'1234, 0});
    tag(6, {24, 0, 0x10'0000, 0, 0x700'0000, 0, 1, 0, 0x800'0000, 0, 0x1000, 0, 3, 0});
    tag(0, {});
    words[0] = static_cast<std::uint32_t>(words.size() * 4);
    root_ = read_loader_information(told_, map_, kMultiboot2Magic,
                                    memory_.put(std::span<const std::uint32_t>{words}));
    EXPECT_STREQ(told_.command_line, "some");
    EXPECT_EQ(told_.boot_archive.start, PhysicalAddress{0x200'0000});
    EXPECT_EQ(told_.boot_archive.bytes, 0x1234U);
    ASSERT_EQ(map_.count, 2U);
    EXPECT_EQ(map_.items[1].kind, MemoryKind::Acpi);
}

TEST_F(ProtocolsTest, Multiboot2TagsThatReachBeyondTheEndOrHaveNoLengthEndTheList) {
    for (const std::uint32_t size : {0U, 7U, 200U, 0xFFFF'FFF8U}) {
        told_ = {};
        map_ = {};
        const std::vector<std::uint32_t> words{40, 0, 1,    12, 0x656D6F73,
                                               0,  6, size, 24, 0};  // a command line, then a map
        EXPECT_THROW(read_loader_information(told_, map_, kMultiboot2Magic,
                                             memory_.put(std::span<const std::uint32_t>{words})),
                     std::runtime_error);
        EXPECT_STREQ(told_.command_line, "some");
    }
}

TEST_F(ProtocolsTest, WhatCannotBeUsedFailsWithAReason) {
    EXPECT_THROW(read_loader_information(told_, map_, 0x2BADB002, PhysicalAddress{0}),
                 std::runtime_error);
    EXPECT_THROW(start({}), std::runtime_error);
    EXPECT_THROW(start({{0x10'0000, 0x100'0000}}, {PhysicalAddress{0xFFFF'F000}, 0x2000}),
                 std::runtime_error);
    map_ = {};
    told_ = {};
    start({{0x10'0000, 0x100'0000, 2}});
    EXPECT_THROW(lay_out(), std::runtime_error);
    PvhStart far;
    far.memory_map = 0x1'0000'0000;
    far.memory_map_count = 1;
    EXPECT_THROW(read_loader_information(told_, map_, kPvhMagic, memory_.put(&far, sizeof far)),
                 std::runtime_error);
}

}  // namespace
}  // namespace redoubt::boot
