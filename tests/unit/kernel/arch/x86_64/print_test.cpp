// The kernel's formatter, to the console and into a reader's window.
#include "kernel/print.hpp"

#include <gtest/gtest.h>

#include <string>

#include "kernel/hv/text.hpp"

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

TEST(TextWriter, keeps_only_the_window_asked_for) {
    char buffer[4] = {};
    hv::TextWriter text{buffer, 4, 3};
    text.print("abc{}{x}", 12045U, 0xF0U);
    EXPECT_EQ((std::string{buffer, text.written()}), "1204");
    EXPECT_EQ(text.length(), 12U);
}

TEST(TextWriter, beyond_the_end_there_is_nothing) {
    char buffer[4];
    hv::TextWriter text{buffer, 4, 10};
    text.print("abc");
    EXPECT_EQ(text.written(), 0U);
}

}  // namespace
}  // namespace redoubt::kernel
