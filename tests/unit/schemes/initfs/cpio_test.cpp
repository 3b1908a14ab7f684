// The boot archive's reader: finds members, and survives anything.
#include "schemes/initfs/cpio.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/bytes.hpp"
#include "tests/unit/schemes/cpio_builder.hpp"

namespace redoubt {
namespace {

using test::bytes_of;
using test::CpioBuilder;
using test::text_of;

TEST(Cpio, FindsFilesByNameWithOrWithoutLeadingSlash) {
    const std::string archive =
        CpioBuilder().file("./etc/start", "a b\n").file("bin/log", "12345").finish();
    const auto start = cpio::find(bytes_of(archive), "/etc/start");
    ASSERT_TRUE(start);
    EXPECT_EQ(text_of(start->contents), "a b\n");
    EXPECT_EQ(text_of(cpio::find(bytes_of(archive), "bin/log")->contents), "12345");
    EXPECT_FALSE(cpio::find(bytes_of(archive), "bin/lo"));
}

TEST(Cpio, TheLastOfTwoFilesOfOneNameWins) {
    const std::string archive = CpioBuilder().file("x", "old").file("x", "new").finish();
    EXPECT_EQ(text_of(cpio::find(bytes_of(archive), "x")->contents), "new");
}

TEST(Cpio, WalksInOrderAndEndsAtTheTrailer) {
    const std::string archive =
        CpioBuilder().directory("d").file("d/one", "1").finish() + "garbage";
    cpio::Reader reader(bytes_of(archive));
    EXPECT_TRUE(reader.next()->is_directory());
    EXPECT_EQ(reader.next()->name, "d/one");
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.is_malformed());
}

TEST(Cpio, EveryTruncationIsNoticedOrHarmless) {
    const std::string archive = CpioBuilder().file("one", "contents").finish();
    for (std::size_t size = 1; size < archive.size(); ++size) {
        cpio::Reader reader(bytes_of(archive).first(size));
        while (reader.next()) {
        }
    }
    cpio::Reader reader(bytes_of(archive).first(115));
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.is_malformed());
}

TEST(Cpio, RefusesBadMagicAndBadDigits) {
    std::string archive = CpioBuilder().file("one", "1").finish();
    archive[3] = 'x';
    EXPECT_FALSE(cpio::find(bytes_of(archive), "one"));
    archive = CpioBuilder().file("one", "1").finish();
    archive[6 + 8 * 6] = 'g';
    EXPECT_FALSE(cpio::find(bytes_of(archive), "one"));
}

}  // namespace
}  // namespace redoubt
