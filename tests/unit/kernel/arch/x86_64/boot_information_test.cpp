// Loaders' memory maps, modules and command lines, and what remains free.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "arch/boot_allocator.hpp"
#include "arch/console.hpp"
#include "arch/cpu.hpp"
#include "kernel/panic.hpp"
#include "low_memory.hpp"

// The image, as the linker script would define it: 1 MiB .. 1 MiB + 0x23800.
asm(".globl kernel_physical_start, kernel_physical_end\n"
    ".set kernel_physical_start, 0x100000\n"
    ".set kernel_physical_end, 0x123800\n");

namespace redoubt::kernel {

BootInformation current;
const BootInformation& boot_information() { return current; }

const CpuFeatures& features() {
    static const CpuFeatures features = [] {
        CpuFeatures f{};
        f.physical_address_bits = 40;
        return f;
    }();
    return features;
}

void panic_begin() {}
void panic_end() { throw std::runtime_error("panic"); }
void print_arguments(const char*, std::initializer_list<PrintArgument>) {}

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

class BootInformationTest : public testing::Test {
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
        boot_information_initialize(current, kPvhMagic, memory_.put(&start, sizeof start));
    }

    std::vector<std::pair<std::uint64_t, std::uint64_t>> free_memory() const {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> list;
        for (const PhysicalRange& range : current.free_memory) {
            list.emplace_back(range.start.value(), range.end().value());
        }
        return list;
    }

    void SetUp() override { current = {}; }

    test::LowMemory memory_;
};

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

TEST_F(BootInformationTest, FreeMemoryLeavesOutImageModuleTablesAndLowMemory) {
    start({{0, 0x9FC00}, {0x10'0000, 0x7FE0'0000}}, {PhysicalAddress{0x100'0800}, 0x1000});
    current.boot_tables = {PhysicalAddress{0x200'0000}, 0x3000};
    boot_information_finish(current);
    EXPECT_EQ(
        free_memory(),
        (Ranges{{0x12'4000, 0x100'0000}, {0x100'2000, 0x200'0000}, {0x200'3000, 0x7FF0'0000}}));
}

TEST_F(BootInformationTest, UnsortedMapAndPartialPagesAreHandled) {
    start({{0x1'0000'0000, 0x4000'0000}, {0x10'0000, 0x10'0800}, {0x40'0800, 0x1000}});
    boot_information_finish(current);
    EXPECT_EQ(free_memory(), (Ranges{{0x12'4000, 0x20'0000}, {0x1'0000'0000, 0x1'4000'0000}}));
}

TEST_F(BootInformationTest, BootMemoryIsTheLargestFreePieceBelow4GiB) {
    start({{0x10'0000, 0x100'0000}, {0x1000'0000, 0x2000'0000}, {0x1'0000'0000, 0x8000'0000}},
          {PhysicalAddress{0x1000'0000}, 0x5000});
    const PhysicalRange range = find_boot_memory(current);
    EXPECT_EQ(range.start, PhysicalAddress{0x1000'5000});
    EXPECT_EQ(range.end(), PhysicalAddress{0x3000'0000});
}

TEST_F(BootInformationTest, DeviceMemoryLiesBesideRamAndExcludesInterruptControllers) {
    start({{0x10'0000, 0x7FF0'0000}, {0xB000'0000, 0x1000'0000, 2}, {0x1'0000'0000, 0x4000'0000}});
    boot_information_finish(current);
    ASSERT_EQ(current.device_memory.count, 2U);
    EXPECT_EQ(current.device_memory.items[0].start, PhysicalAddress{0x8000'0000});
    EXPECT_EQ(current.device_memory.items[0].end(), PhysicalAddress{0xFEC0'0000});
    EXPECT_EQ(current.device_memory.items[1].start, PhysicalAddress{0x1'4000'0000});
    EXPECT_EQ(current.device_memory.items[1].end(), PhysicalAddress{1ULL << 40});
}

TEST_F(BootInformationTest, CommandLineIsCutToItsBufferAndSearchedByWholeWords) {
    start({{0x10'0000, 0x100'0000}}, {}, "quiet panic-test2 -- panic-test");
    EXPECT_TRUE(command_line_has("quiet"));
    EXPECT_TRUE(command_line_has("panic-test"));
    EXPECT_FALSE(command_line_has("panic"));
    current = {};
    start({{0x10'0000, 0x100'0000}}, {}, std::string(1000, 'x').c_str());
    EXPECT_EQ(std::strlen(current.command_line), sizeof(current.command_line) - 1);
}

TEST_F(BootInformationTest, Multiboot2TagsGiveTheSame) {
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
    boot_information_initialize(current, kMultiboot2Magic,
                                memory_.put(std::span<const std::uint32_t>{words}));
    EXPECT_STREQ(current.command_line, "some");
    EXPECT_EQ(current.boot_module.start, PhysicalAddress{0x200'0000});
    EXPECT_EQ(current.boot_module.bytes, 0x1234U);
    ASSERT_EQ(current.regions.count, 2U);
    EXPECT_EQ(current.regions.items[1].kind, MemoryKind::Acpi);
}

TEST_F(BootInformationTest, UnknownLoaderOrMissingMapPanics) {
    EXPECT_THROW(boot_information_initialize(current, 0x2BADB002, PhysicalAddress{0}),
                 std::runtime_error);
    EXPECT_THROW(start({}), std::runtime_error);
}

}  // namespace
}  // namespace redoubt::kernel
