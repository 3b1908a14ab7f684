// console: one stream owns the line, several share it line by line, the log always comes in whole
// lines.
#include "schemes/console/console_scheme.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/bytes.hpp"

namespace redoubt {
namespace {

using scheme::OpenFlags;

class FakeLine final : public console::SerialLine {
  public:
    void send(std::string_view bytes) override { sent += bytes; }
    std::string sent;
};

class ConsoleSchemeTest : public testing::Test {
  protected:
    std::shared_ptr<scheme::File> open(std::string_view path) {
        return *console_.open(1, OpenFlags::None, path);
    }
    void write(scheme::File& file, std::string_view text) {
        EXPECT_EQ(file.write(0, test::bytes_of(text)), text.size());
    }

    FakeLine line_;
    console::ConsoleScheme console_{line_};
};

TEST_F(ConsoleSchemeTest, AnOnlyStreamIsRaw) {
    const auto demo = open("demo");
    write(*demo, "login: \x1B[0m");
    EXPECT_EQ(line_.sent, "login: \x1B[0m");
}

TEST_F(ConsoleSchemeTest, SeveralStreamsArePrefixedLineByLine) {
    const auto one = open("one");
    const auto two = open("two");
    write(*one, "a");
    write(*two, "b\r\n");
    write(*one, "c\n");
    EXPECT_EQ(line_.sent, "two| b\r\none| ac\r\n");
    line_.sent.clear();
    write(*one, "rest");
    one->closed();
    EXPECT_EQ(line_.sent, "one| rest\r\n");
    write(*two, "raw");
    EXPECT_TRUE(line_.sent.ends_with("raw"));
}

TEST_F(ConsoleSchemeTest, TheLogBreaksAnUnfinishedLine) {
    const auto log = open("log");
    const auto demo = open("demo");
    write(*demo, "# ");
    write(*log, "[1] vmmd: ready\n");
    EXPECT_EQ(line_.sent, "# \r\n[1] vmmd: ready\r\n");
}

TEST_F(ConsoleSchemeTest, InputGoesToTheNewestStream) {
    const auto one = open("one");
    console_.receive(test::bytes_of("1"));
    const auto two = open("two");
    console_.receive(test::bytes_of("2"));
    EXPECT_EQ(test::read_text(*one), "1");
    EXPECT_EQ(test::read_text(*two), "2");
    EXPECT_EQ(test::read_text(*two), "error 12") << "WouldBlock";
    two->closed();
    console_.receive(test::bytes_of("3"));
    EXPECT_EQ(test::read_text(*one), "3");
}

TEST_F(ConsoleSchemeTest, InputWithoutAStreamIsForgotten) {
    console_.receive(test::bytes_of("lost"));
    const auto one = open("one");
    EXPECT_EQ(test::read_text(*one), "error 12");
}

}  // namespace
}  // namespace redoubt
