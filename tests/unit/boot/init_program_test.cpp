// The program that the kernel is told to start: from an archive with one, and from others.
#include "boot/init_program.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "schemes/init/elf.hpp"

namespace redoubt::boot {
namespace {

std::string entry(const std::string& name, const std::string& content) {
    char header[111];
    std::snprintf(header, sizeof header,
                  "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1U, 0100755U, 0U,
                  0U, 1U, 0U, static_cast<unsigned>(content.size()), 0U, 0U, 0U, 0U,
                  static_cast<unsigned>(name.size() + 1), 0U);
    std::string result = header + name + '\0';
    result.resize((result.size() + 3) / 4 * 4);
    result += content;
    result.resize((result.size() + 3) / 4 * 4);
    return result;
}

std::string executable(std::uint32_t flags) {
    elf::FileHeader header{};
    const std::uint8_t magic[] = {0x7F, 'E', 'L', 'F', 2, 1, 1};
    std::memcpy(header.identification, magic, sizeof magic);
    header.type = 2;
    header.machine = elf::kMachine;
    header.entry = 0x40'1010;
    header.program_header_offset = sizeof header;
    header.program_header_size = sizeof(elf::ProgramHeader);
    header.program_header_count = 1;
    const elf::ProgramHeader segment{elf::kLoad, flags, 16, 0x40'1000, 0, 32, 0x2000, 4096};
    std::string file(256, '\0');
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, &segment, sizeof segment);
    return file;
}

BootInformation told_of(const std::string& archive) {
    BootInformation information{};
    information.boot_archive = {kernel::direct_map_physical(archive.data()), archive.size()};
    find_init(information);
    return information;
}

TEST(InitProgramTest, SegmentsAndEntryPointAreTold) {
    const std::string file = executable(elf::kRead | elf::kExecute);
    const std::string archive = entry("readme", "text") + entry("./init", file);
    const BootInformation information = told_of(archive);
    EXPECT_EQ(information.init_entry, 0x40'1010U);
    ASSERT_EQ(information.init.count, 1U);
    const InitSegment& segment = information.init.items[0];
    EXPECT_EQ(segment.address, 0x40'1000U);
    EXPECT_EQ(segment.bytes, 0x2000U);
    EXPECT_EQ(segment.contents.start, kernel::direct_map_physical(archive.data() +
                                                                  archive.find("\x7F"
                                                                               "ELF") +
                                                                  16));
    EXPECT_EQ(segment.contents.bytes, 32U);
    EXPECT_TRUE(segment.executable);
    EXPECT_FALSE(segment.writable);
}

TEST(InitProgramTest, WithoutAProgramThatCanBeLoadedThereIsAReason) {
    EXPECT_THROW(told_of(""), std::runtime_error);
    EXPECT_THROW(told_of("no archive"), std::runtime_error);
    EXPECT_THROW(told_of(entry("bin/init", executable(elf::kExecute))), std::runtime_error);
    EXPECT_THROW(told_of(entry("init", "#!/bin/sh\n")), std::runtime_error);
    EXPECT_THROW(told_of(entry("init", executable(elf::kRead | elf::kWrite | elf::kExecute))),
                 std::runtime_error);
    EXPECT_THROW(told_of(entry("init", executable(elf::kRead))), std::runtime_error);
}

}  // namespace
}  // namespace redoubt::boot
