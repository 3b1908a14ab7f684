// Tests of path parsing.
#include "libposix/path.hpp"

#include <gtest/gtest.h>

namespace redoubt::posix {
namespace {

void expect(std::string_view path, std::string_view scheme, std::string_view rest) {
    const SchemePath parsed = parse_path(path);
    EXPECT_EQ(parsed.scheme, scheme) << path;
    EXPECT_EQ(parsed.rest, rest) << path;
}

TEST(Path, BothSpellingsReachTheScheme) {
    expect("initfs:/guests/vmlinuz", "initfs", "guests/vmlinuz");
    expect("initfs:guests/vmlinuz", "initfs", "guests/vmlinuz");
    expect("/scheme/initfs/guests/vmlinuz", "initfs", "guests/vmlinuz");
    expect("/scheme/initfs", "initfs", "");
    expect("/scheme/initfs//a", "initfs", "a");
    expect("console:demo", "console", "demo");
}

TEST(Path, ASchemePathMadeAbsoluteIsStillOne) {
    expect("/initfs:/etc/start", "initfs", "etc/start");
    expect("./initfs:/etc/start", "initfs", "etc/start");
}

TEST(Path, OrdinaryPathsBelongToNoScheme) {
    expect("/etc/localtime", "", "");
    expect("", "", "");
    expect("/", "", "");
    expect("/tmp/a:b", "", "");
    expect("relative/file:x", "", "");
}

}  // namespace
}  // namespace redoubt::posix
