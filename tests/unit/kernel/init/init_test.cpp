// The parsers that init is loaded with, and how memory is cut up.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "kernel/init/blocks.hpp"
#include "kernel/init/cpio.hpp"
#include "kernel/init/elf.hpp"

namespace redoubt::kernel {
namespace {

std::string entry(const std::string& name, const std::string& content) {
    char header[111];
    std::snprintf(header, sizeof header,
                  "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1U, 0U, 0U, 0U, 1U,
                  0U, static_cast<unsigned>(content.size()), 0U, 0U, 0U, 0U,
                  static_cast<unsigned>(name.size() + 1), 0U);
    std::string result = header + name + '\0';
    result.resize((result.size() + 3) / 4 * 4);
    result += content;
    result.resize((result.size() + 3) / 4 * 4);
    return result;
}

std::optional<std::string> find(const std::string& archive, std::string_view name) {
    const auto file =
        find_file({reinterpret_cast<const std::byte*>(archive.data()), archive.size()}, name);
    if (!file) return std::nullopt;
    return std::string{reinterpret_cast<const char*>(file->data()), file->size()};
}

TEST(CpioTest, FindsFilesWithAndWithoutLeadingDot) {
    const std::string archive = entry("./bin/a", "xyz") + entry("init", "hello") +
                                entry("TRAILER!!!", "") + entry("late", "1");
    EXPECT_EQ(find(archive, "bin/a"), "xyz");
    EXPECT_EQ(find(archive, "init"), "hello");
    EXPECT_EQ(find(archive, "ini"), std::nullopt);
    EXPECT_EQ(find(archive, "late"), std::nullopt) << "behind the trailer";
}

TEST(CpioTest, EveryTruncationIsNoFileOrTheWholeFile) {
    const std::string archive = entry("first", "abc") + entry("init", "hello");
    for (std::size_t length = 0; length <= archive.size(); ++length) {
        const std::string part = archive.substr(0, length);
        const auto file = find(part, "init");
        EXPECT_TRUE(!file || *file == "hello");
    }
    std::string huge = archive;
    huge.replace(6 + 6 * 8, 8, "FFFFFFFF");
    EXPECT_EQ(find(huge, "init"), std::nullopt);
}

std::vector<std::byte> make_elf(ElfSegment segment) {
    ElfHeader header{};
    const std::uint8_t magic[] = {0x7F, 'E', 'L', 'F', 2, 1, 1};
    std::memcpy(header.identification, magic, sizeof magic);
    header.type = 2;
    header.entry = 0x1234;
    header.program_header_offset = sizeof header;
    header.program_header_size = sizeof segment;
    header.program_header_count = 1;
    std::vector<std::byte> file(256);
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, &segment, sizeof segment);
    return file;
}

TEST(ElfTest, LoadsSegmentsAndRejectsWhatLiesOutside) {
    const ElfSegment good{ElfSegment::kLoad, ElfSegment::kRead, 16, 0x1000, 0, 32, 64, 4096};
    const auto load = [](const ElfSegment& segment) {
        unsigned calls = 0;
        const auto result =
            load_elf(make_elf(segment), 0x10'0000,
                     [&](const ElfSegment&, std::span<const std::byte> bytes) -> Result<void> {
                         EXPECT_EQ(bytes.size(), 32U);
                         ++calls;
                         return {};
                     });
        return result.ok() && result.value() == 0x1234 && calls == 1;
    };
    EXPECT_TRUE(load(good));
    ElfSegment bad = good;
    bad.offset = 250;
    EXPECT_FALSE(load(bad));
    bad = good;
    bad.memory_size = 8;
    EXPECT_FALSE(load(bad));
    bad = good;
    bad.address = 0x10'0000 - 32;
    EXPECT_FALSE(load(bad));
    bad = good;
    bad.memory_size = ~0ULL;
    EXPECT_FALSE(load(bad));
}

TEST(BlocksTest, CoverTheRangeExactlyWithAlignedBlocks) {
    std::uint64_t at = 0x3000;
    for_each_block(PhysicalAddress{0x3000}, PhysicalAddress{0x4567'8000}, 30,
                   [&](PhysicalAddress address, unsigned bits) {
                       EXPECT_EQ(address.value(), at);
                       EXPECT_LE(bits, 30U);
                       EXPECT_TRUE(address.is_aligned(1ULL << bits));
                       at += 1ULL << bits;
                   });
    EXPECT_EQ(at, 0x4567'8000U);
}

}  // namespace
}  // namespace redoubt::kernel
