// The start list: what its keys mean, and that each mistake is named with its line.
#include "schemes/init/start_list.hpp"

#include <gtest/gtest.h>

namespace redoubt::init {
namespace {

StartEntry parse_one(std::string_view line) {
    StartListParser parser(line);
    StartEntry entry;
    EXPECT_TRUE(parser.next(entry));
    EXPECT_FALSE(parser.error()) << parser.error()->message << ": " << parser.error()->word;
    return entry;
}

std::string error_of(std::string_view line) {
    StartListParser parser(line);
    StartEntry entry;
    if (!parser.next(entry) || !parser.error()) {
        return "no error";
    }
    return std::string(parser.error()->message) + ": " + std::string(parser.error()->word);
}

TEST(StartList, ReadsEveryKey) {
    const StartEntry entry = parse_one(
        "vmmd /bin/vmmd serves=a,b uses=log memory=3M heap=64K priority=42 share=300 limit=150% "
        "restart=on-failure "
        "on-exit=poweroff ready=no-wait abi=native "
        "grant=uart,virtio,irq,boot-archive,hv,power -- --keep x");
    EXPECT_EQ(entry.name, "vmmd");
    EXPECT_EQ(entry.program, "/bin/vmmd");
    ASSERT_EQ(entry.serves.count, 2U);
    EXPECT_EQ(entry.serves.names[1], "b");
    EXPECT_EQ(entry.uses.names[0], "log");
    EXPECT_EQ(entry.memory, 3 * kMegabyte);
    EXPECT_EQ(entry.heap, 64U * 1024);
    EXPECT_EQ(entry.priority, 42U);
    EXPECT_EQ(entry.share, 300U);
    EXPECT_EQ(entry.limit, 150U);
    EXPECT_EQ(entry.restart, Restart::OnFailure);
    EXPECT_TRUE(entry.power_off_on_exit);
    EXPECT_FALSE(entry.wait_until_ready);
    EXPECT_TRUE(entry.native);
    EXPECT_TRUE(entry.grants.uart && entry.grants.virtio && entry.grants.irq &&
                entry.grants.boot_archive && entry.grants.hv && entry.grants.power);
    ASSERT_EQ(entry.argument_count, 2U);
    EXPECT_EQ(entry.arguments[0], "--keep");
}

TEST(StartList, SchemesToUseMayBeOptional) {
    const StartEntry entry = parse_one("a bin/a uses=log,chan?");
    ASSERT_EQ(entry.uses.count, 2U);
    EXPECT_EQ(entry.uses.names[1], "chan");
    EXPECT_TRUE(entry.uses.is_optional("chan"));
    EXPECT_FALSE(entry.uses.is_optional("log"));
    EXPECT_TRUE(error_of("a b serves=chan?").starts_with("not a scheme name"));
}

TEST(StartList, DefaultsGiveNothingAway) {
    const StartEntry entry = parse_one("a bin/a");
    EXPECT_FALSE(entry.grants.uart || entry.grants.virtio || entry.grants.irq ||
                 entry.grants.boot_archive || entry.grants.hv || entry.grants.power);
    EXPECT_EQ(entry.uses.count, 0U);
    EXPECT_EQ(entry.restart, Restart::Never);
    EXPECT_FALSE(entry.memory_rest);
    EXPECT_EQ(entry.share, 0U);
    EXPECT_EQ(entry.limit, 0U);
}

TEST(StartList, SkipsCommentsAndEmptyLinesButCountsThem) {
    StartListParser parser("# comment\n\n  \t\na bin/a\r\nb\nc bin/c memory=rest");
    StartEntry entry;
    ASSERT_TRUE(parser.next(entry));
    EXPECT_EQ(parser.line(), 4U);
    EXPECT_EQ(entry.program, "bin/a");
    ASSERT_TRUE(parser.next(entry));
    ASSERT_TRUE(parser.error());
    EXPECT_EQ(parser.error()->line, 5U);
    ASSERT_TRUE(parser.next(entry));
    EXPECT_FALSE(parser.error()) << "one bad line does not spoil the next";
    EXPECT_TRUE(entry.memory_rest);
    EXPECT_FALSE(parser.next(entry));
}

TEST(StartList, AUsedSchemeMayBeOnePathOnly) {
    const StartEntry entry = parse_one("a b uses=log,chan?:/run/a.sock,initfs:/x%2Cy%20z");
    EXPECT_TRUE(entry.uses.paths[0].empty());
    EXPECT_EQ(entry.uses.names[1], "chan");
    EXPECT_TRUE(entry.uses.is_optional("chan"));
    EXPECT_EQ(entry.uses.paths[1], "/run/a.sock");
    EXPECT_EQ(detail::restricted_root(entry.uses.paths[2]), abi::scheme::restricted_root("x,y z"));
    EXPECT_TRUE(error_of("a b uses=chan:").starts_with("the path is missing"));
    EXPECT_TRUE(error_of("a b serves=chan:/x").starts_with("not a scheme name"));
}

TEST(StartList, NamesEachMistake) {
    EXPECT_EQ(error_of("a"), "the program is missing after the name: a");
    EXPECT_EQ(error_of("a b c"), "expected key=value, or -- before the arguments: c");
    EXPECT_TRUE(error_of("a b colour=red").starts_with("unknown key"));
    EXPECT_TRUE(error_of("a b memory=lots").starts_with("not a size"));
    EXPECT_TRUE(error_of("a b memory=0").starts_with("not a size"));
    EXPECT_TRUE(error_of("a b memory=100G").starts_with("not a size"));
    EXPECT_TRUE(error_of("a b priority=200").starts_with("priority"));
    for (const std::string_view share : {"", "0", "1001", "-1", "50%"}) {
        EXPECT_TRUE(error_of("a b share=" + std::string(share)).starts_with("share must")) << share;
    }
    for (const std::string_view limit : {"", "%", "50", "0%", "801%", "5 0%", "-5%", "50%%"}) {
        EXPECT_TRUE(error_of("a b limit=" + std::string(limit)).starts_with("limit must")) << limit;
    }
    EXPECT_TRUE(error_of("a b grant=everything").starts_with("unknown grant"));
    EXPECT_TRUE(error_of("a b restart=maybe").starts_with("restart"));
    EXPECT_TRUE(error_of("a b on-exit=dance").starts_with("on-exit"));
    EXPECT_TRUE(error_of("a b uses=UPPER").starts_with("not a scheme name"));
    EXPECT_TRUE(error_of("a b uses=,").starts_with("not a scheme name"));
    EXPECT_TRUE(error_of("a b abi=dos").starts_with("abi"));
    EXPECT_TRUE(error_of("a b ready=later").starts_with("ready"));
}

}  // namespace
}  // namespace redoubt::init
