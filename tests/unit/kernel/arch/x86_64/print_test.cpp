// The kernel's formatter.
#include "kernel/print.hpp"

#include <gtest/gtest.h>

#include <string>

namespace redoubt::kernel {

std::string written;
void console_write(char character) { written += character; }

namespace {

template <class... Arguments>
std::string printed(const char* format, Arguments... arguments) {
    written.clear();
    print(format, arguments...);
    return written;
}

TEST(Print, FormatsNumbersTextAndAddresses) {
    EXPECT_EQ(printed("{} {x} {} {}\n", 42U, 255U, -7, "text"), "42 0xff -7 text\n");
    EXPECT_EQ(printed("{x}", PhysicalAddress{0x1000}), "0x1000");
    EXPECT_EQ(printed("{}", std::uint64_t{0}), "0");
    EXPECT_EQ(printed("{x}", ~std::uint64_t{0}), "0xffffffffffffffff");
    EXPECT_EQ(printed("{}", std::int64_t{-9223372036854775807 - 1}), "-9223372036854775808");
}

TEST(Print, PlaceholdersWithoutArgumentsAndOtherBracesArePlainText) {
    EXPECT_EQ(printed("{} {}", 1U), "1 {}");
    EXPECT_EQ(printed("{y} {"), "{y} {");
}

}  // namespace
}  // namespace redoubt::kernel
