// initfs: serves the archive's files and directories, and nothing else.
#include "schemes/initfs/archive_scheme.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/bytes.hpp"
#include "tests/unit/schemes/cpio_builder.hpp"

namespace redoubt {
namespace {

using scheme::Error;
using scheme::FileKind;
using scheme::OpenFlags;

class ArchiveSchemeTest : public testing::Test {
  protected:
    std::string list(std::string_view path) {
        auto directory = scheme_.open(1, OpenFlags::None, path);
        std::vector<std::byte> out(1000);
        return test::text_of(std::span(out).first(*(*directory)->list(0, out)));
    }

    std::string archive_ = test::CpioBuilder()
                               .file("guests/vmlinuz", "kernel")
                               .file("etc/start", "list")
                               .directory("empty")
                               .finish();
    initfs::ArchiveScheme scheme_{test::bytes_of(archive_)};
};

TEST_F(ArchiveSchemeTest, ReadsFilesAtAnyOffset) {
    auto file = scheme_.open(1, OpenFlags::None, "/guests/vmlinuz");
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->status().size, 6U);
    EXPECT_EQ(test::read_text(**file), "kernel");
    EXPECT_EQ(test::read_text(**file, 3, 2), "ne");
    EXPECT_EQ(test::read_text(**file, 6), "");
    EXPECT_EQ(test::read_text(**file, ~std::uint64_t{0}), "");
}

TEST_F(ArchiveSchemeTest, ListsDirectoriesThatOnlyPathsImply) {
    EXPECT_EQ(list(""), "empty\netc\nguests\n");
    EXPECT_EQ(list("guests/"), "vmlinuz\n");
    EXPECT_EQ((*scheme_.open(1, OpenFlags::None, "etc"))->status().kind, FileKind::Directory);
}

TEST_F(ArchiveSchemeTest, RefusesWhatIsNotThereAndWriting) {
    EXPECT_EQ(scheme_.open(1, OpenFlags::None, "guests/nothing").error(), Error::NotFound);
    EXPECT_EQ(scheme_.open(1, OpenFlags::Create, "etc/start").error(), Error::NotSupported);
    auto file = scheme_.open(1, OpenFlags::None, "etc/start");
    EXPECT_EQ((*file)->write(0, test::bytes_of("x")).error(), Error::NotSupported);
}

}  // namespace
}  // namespace redoubt
