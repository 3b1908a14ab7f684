// What a process may give to one that it starts.
#include "schemes/init/child_rights.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redoubt::init {
namespace {

bool may_start(std::string_view parent, std::string_view child, unsigned given = 0) {
    const auto parse = [](std::string_view line) {
        StartListParser parser(line);
        StartEntry entry;
        EXPECT_TRUE(parser.next(entry)) << line;
        EXPECT_FALSE(parser.error()) << line << ": " << parser.error()->message;
        return entry;
    };
    return permitted(parse(parent), given, parse(child));
}

constexpr std::string_view kParent =
    "parent bin/parent uses=log,chan:/run priority=100 grant=hv,spawn";

TEST(ChildRights, TheSchemesAndPathsOfTheParentOnly) {
    EXPECT_TRUE(may_start(kParent, "a b uses=log,chan:/run"));
    EXPECT_TRUE(may_start(kParent, "a b uses=log:/part"));
    EXPECT_FALSE(may_start(kParent, "a b uses=console"));
    EXPECT_FALSE(may_start(kParent, "a b uses=chan"));
    EXPECT_FALSE(may_start(kParent, "a b uses=chan:/run/other"));
    EXPECT_FALSE(may_start(kParent, "a b serves=disk"));
}

TEST(ChildRights, NoHigherPriorityAndNoGrantsButTheHypervisor) {
    EXPECT_TRUE(may_start(kParent, "a b priority=100 grant=hv"));
    EXPECT_FALSE(may_start(kParent, "a b priority=101"));
    EXPECT_FALSE(may_start("parent bin/parent grant=spawn", "a b grant=hv"));
    for (const std::string grant : {"spawn", "power", "uart", "virtio", "irq", "boot-archive"}) {
        EXPECT_FALSE(may_start("parent bin/parent grant=spawn," + grant, "a b grant=" + grant))
            << grant;
    }
}

TEST(ChildRights, ItsParentIsItsSupervisor) {
    EXPECT_FALSE(may_start(kParent, "a b restart=on-failure"));
    EXPECT_FALSE(may_start(kParent, "a b on-exit=poweroff"));
    EXPECT_FALSE(may_start(kParent, "a b memory=rest"));
}

TEST(ChildRights, TheLimitsOfAllChildrenTogetherAreWithinTheParents) {
    EXPECT_TRUE(may_start(kParent, "a b"));
    EXPECT_TRUE(may_start(kParent, "a b limit=800%", 800)) << "a parent without a limit";
    constexpr std::string_view kLimited = "parent bin/parent limit=50% grant=spawn";
    EXPECT_FALSE(may_start(kLimited, "a b")) << "without a limit of its own";
    EXPECT_TRUE(may_start(kLimited, "a b limit=50%"));
    EXPECT_FALSE(may_start(kLimited, "a b limit=51%"));
    EXPECT_TRUE(may_start(kLimited, "a b limit=20%", 30));
    EXPECT_FALSE(may_start(kLimited, "a b limit=20%", 31));
}

}  // namespace
}  // namespace redoubt::init
