// log: shows whole lines with time and name, and keeps the last of them.
#include "schemes/log/log_scheme.hpp"

#include <gtest/gtest.h>

#include "tests/unit/schemes/bytes.hpp"

namespace redoubt {
namespace {

using scheme::OpenFlags;

class LogSchemeTest : public testing::Test {
  protected:
    std::shared_ptr<scheme::File> open(std::string_view path) {
        return *log_.open(9, OpenFlags::None, path);
    }
    void write(scheme::File& file, std::string_view text) {
        EXPECT_EQ(file.write(0, test::bytes_of(text)), text.size());
    }

    std::string shown_;
    std::uint64_t now_ = 1'000'042;
    log::LogScheme log_{[this] { return now_; }, [this](std::string_view line) { shown_ += line; }};
};

TEST_F(LogSchemeTest, ALineAppearsWhenItIsComplete) {
    const auto file = open("vmmd");
    write(*file, "hello ");
    EXPECT_EQ(shown_, "");
    write(*file, "world\r\nnext");
    EXPECT_EQ(shown_, "[    1.000042] vmmd: hello world\n");
    file->closed();
    EXPECT_TRUE(shown_.ends_with("vmmd: next\n"));
}

TEST_F(LogSchemeTest, LinesOfSeveralProcessesDoNotMix) {
    const auto one = open("one");
    const auto two = open("");
    write(*one, "a");
    write(*two, "b\n");
    write(*one, "c\n");
    EXPECT_EQ(shown_, "[    1.000042] process 9: b\n[    1.000042] one: ac\n");
}

TEST_F(LogSchemeTest, ALineThatNamesItsProcessIsNotNamedTwice) {
    const auto file = open("vmmd");
    write(*file, "vmmd: ready\nvmmdx: no\n");
    EXPECT_EQ(shown_, "[    1.000042] vmmd: ready\n[    1.000042] vmmd: vmmdx: no\n");
}

TEST_F(LogSchemeTest, ControlCharactersAndEndlessLinesDoNoHarm) {
    const auto file = open("x\x1B[2J");
    write(*file, "\x1B[31mred\n");
    EXPECT_EQ(shown_.find('\x1B'), std::string::npos);
    shown_.clear();
    write(*file, std::string(5000, 'y'));
    EXPECT_NE(shown_.find(std::string(log::kLongestLine, 'y') + "\n"), std::string::npos);
}

TEST_F(LogSchemeTest, TheRingHoldsTheLastLines) {
    const auto file = open("vmmd");
    for (int i = 0; i < 5000; ++i) {
        write(*file, "line " + std::to_string(i) + "\n");
    }
    const auto ring = open("ring");
    EXPECT_EQ(ring->status().size, log::kHistory);
    EXPECT_TRUE(test::read_text(*ring, log::kHistory - 11).ends_with("line 4999\n"));
    EXPECT_EQ(test::read_text(*ring, log::kHistory), "");
}

}  // namespace
}  // namespace redoubt
