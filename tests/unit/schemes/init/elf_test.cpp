// The ELF reader: accepts what init can load, and says in words what is wrong with anything else.
#include "schemes/init/elf.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace redoubt::elf {
namespace {

class ElfTest : public testing::Test {
  protected:
    ElfTest() {
        constexpr std::uint8_t kMagic[] = {0x7F, 'E', 'L', 'F', 2, 1, 1};
        std::memcpy(header_.identification, kMagic, sizeof(kMagic));
        header_.type = 2;
        header_.machine = kMachine;
        header_.entry = 0x401010;
        header_.program_header_offset = sizeof(FileHeader);
        header_.program_header_size = sizeof(ProgramHeader);
        programs_ = {{kLoad, kRead, 0, 0x400000, 0, 0x200, 0x200, 0x1000},
                     {kLoad, kRead | kExecute, 0x200, 0x401000, 0, 0x100, 0x100, 0x1000},
                     {kLoad, kRead | kWrite, 0x300, 0x402300, 0, 0x10, 0x2000, 0x1000}};
    }

    /// nullptr, or the complaint.
    const char* parse_file() {
        header_.program_header_count = static_cast<std::uint16_t>(programs_.size());
        file_.assign(0x400, std::byte{0});
        std::memcpy(file_.data(), &header_, sizeof(header_));
        std::memcpy(file_.data() + sizeof(header_), programs_.data(),
                    programs_.size() * sizeof(ProgramHeader));
        return parse(file_, image_);
    }

    FileHeader header_{};
    std::vector<ProgramHeader> programs_;
    std::vector<std::byte> file_;
    Image image_;
};

TEST_F(ElfTest, ReadsSegmentsEntryAndProgramHeaders) {
    ASSERT_EQ(parse_file(), nullptr);
    ASSERT_EQ(image_.segment_count, 3U);
    EXPECT_EQ(image_.entry, 0x401010U);
    EXPECT_EQ(image_.program_headers, 0x400040U);
    EXPECT_EQ(image_.program_header_count, 3U);
    const Segment& data = image_.segments[2];
    EXPECT_EQ(data.page_begin(), 0x402000U);
    EXPECT_EQ(data.page_end(), 0x405000U);
    EXPECT_EQ(data.contents.size(), 0x10U);
    EXPECT_EQ(data.flags, kRead | kWrite);
}

TEST_F(ElfTest, RefusesWhatIsNotAStaticExecutableForThisMachine) {
    header_.type = 3;
    EXPECT_NE(parse_file(), nullptr);
    header_.type = 2;
    header_.machine = kMachine + 1;
    EXPECT_NE(parse_file(), nullptr);
    header_.machine = kMachine;
    header_.identification[4] = 1;
    EXPECT_NE(parse_file(), nullptr);
    header_.identification[4] = 2;
    programs_.push_back({kInterpreter, kRead, 0, 0, 0, 1, 1, 1});
    EXPECT_NE(parse_file(), nullptr);
}

TEST_F(ElfTest, RefusesSegmentsThatAreWritableAndExecutable) {
    programs_[2].flags = kRead | kWrite | kExecute;
    EXPECT_NE(std::string(parse_file()).find("writable and executable"), std::string::npos);
}

TEST_F(ElfTest, RefusesSegmentsOutsideTheFileOrTheAddressSpace) {
    programs_[2].offset = 0x3F8;
    EXPECT_NE(std::string(parse_file()).find("truncated"), std::string::npos);
    programs_[2].offset = ~std::uint64_t{0};
    EXPECT_NE(parse_file(), nullptr);
    programs_[2].offset = 0x300;
    programs_[2].address = kUserEnd - 0x10;
    EXPECT_NE(parse_file(), nullptr);
    programs_[2].address = 0x402300;
    programs_[2].memory_size = ~std::uint64_t{0};
    EXPECT_NE(parse_file(), nullptr);
    programs_[2].memory_size = 8;
    EXPECT_NE(parse_file(), nullptr) << "smaller in memory than in the file";
}

TEST_F(ElfTest, RefusesSegmentsThatShareAPage) {
    programs_[2].address = 0x401F00;
    EXPECT_NE(std::string(parse_file()).find("share a page"), std::string::npos);
}

TEST_F(ElfTest, RefusesAnEntryThatIsNotExecutable) {
    header_.entry = 0x402300;
    EXPECT_NE(parse_file(), nullptr);
}

TEST_F(ElfTest, RefusesEveryTruncationOfTheHeaders) {
    ASSERT_EQ(parse_file(), nullptr);
    for (std::size_t size = 0; size < 0x300; ++size) {
        EXPECT_NE(parse(std::span(file_).first(size), image_), nullptr) << size;
    }
}

}  // namespace
}  // namespace redoubt::elf
