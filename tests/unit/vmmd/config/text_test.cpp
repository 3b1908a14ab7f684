// Sizes and suggestions.
#include "vmmd/config/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace redoubt::vmmd {
namespace {

TEST(ParseSize, TakesNumbersWithUnits) {
    EXPECT_EQ(parse_size("512"), 512U);
    EXPECT_EQ(parse_size("64K"), 64U << 10);
    EXPECT_EQ(parse_size("256M"), 256U << 20);
    EXPECT_EQ(parse_size("2G"), std::uint64_t{2} << 30);
    EXPECT_EQ(parse_size("256MiB"), 256U << 20);
}

TEST(ParseSize, RefusesEverythingElse) {
    for (const auto* text : {"", "M", "-1M", "1.5G", "256 M", "0x10", "1iB", "18446744073709551616",
                             "18446744073709551615K", "1MM"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(FormatSize, IsTheShortestExactForm) {
    EXPECT_EQ(format_size(256U << 20), "256M");
    EXPECT_EQ(format_size(1U << 30), "1G");
    EXPECT_EQ(format_size(1536U << 20), "1536M");
    EXPECT_EQ(format_size(123), "123");
    EXPECT_EQ(format_size(0), "0");
}

TEST(Suggest, FindsWhatWasMeant) {
    constexpr std::array<std::string_view, 3> kWords = {"memory", "kernel", "cmdline"};
    EXPECT_EQ(suggest("memroy", kWords), "memory");
    EXPECT_EQ(suggest("mem", kWords), "memory");
    EXPECT_EQ(suggest("kernal", kWords), "kernel");
    EXPECT_EQ(suggest("xyz", kWords), std::nullopt);
    EXPECT_EQ(suggest(std::string(1000, 'k'), kWords), std::nullopt);
}

}  // namespace
}  // namespace redoubt::vmmd
