// console: one stream owns the line, several share it line by line, the log always comes in whole
// lines.
#include "schemes/console/console_scheme.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/unit/schemes/bytes.hpp"

namespace redoubt {
namespace {

using scheme::OpenFlags;

class FakeLine final : public console::SerialLine {
  public:
    void send(std::string_view bytes) override { sent += bytes; }
    std::string sent;
};

class FakePort final : public console::PortLine {
  public:
    struct State {
        bool found = false;
        std::size_t room = 100;
        std::string sent, typed;
    };
    explicit FakePort(State& state) : state_(state) {}
    bool found() const override { return state_.found; }
    bool has_room() const override { return state_.room != 0; }
    std::size_t send(std::span<const std::byte> bytes) override {
        const std::size_t taken = std::min(bytes.size(), state_.room);
        state_.sent.append(reinterpret_cast<const char*>(bytes.data()), taken);
        state_.room -= taken;
        return taken;
    }
    std::size_t receive(std::span<std::byte> out) override {
        const std::size_t count = std::min(out.size(), state_.typed.size());
        std::memcpy(out.data(), state_.typed.data(), count);
        state_.typed.erase(0, count);
        return count;
    }

  private:
    State& state_;
};

/// Only the stream "own" may have a port.
class PortedConsole final : public console::ConsoleScheme {
  public:
    using ConsoleScheme::ConsoleScheme;
    FakePort::State port;

  private:
    std::unique_ptr<console::PortLine> open_port(std::string_view stream) override {
        return stream == "own" ? std::make_unique<FakePort>(port) : nullptr;
    }
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

TEST_F(ConsoleSchemeTest, AStreamMovesToItsOwnPortWhenThatIsFound) {
    PortedConsole console{line_};
    const auto own = *console.open(1, OpenFlags::None, "own");
    const auto other = *console.open(1, OpenFlags::None, "other");
    write(*own, "early\n");
    console.ports_changed();
    EXPECT_EQ(line_.sent, "own| early\r\n");
    console.port.found = true;
    console.ports_changed();
    write(*own, "a\nb");
    EXPECT_EQ(console.port.sent, "a\nb");
    line_.sent.clear();
    write(*other, "raw");  // it has the line to itself now
    EXPECT_EQ(line_.sent, "raw");
    console.receive(test::bytes_of("x"));
    console.port.typed = "typed";
    console.ports_changed();
    std::array<std::byte, 16> bytes;
    EXPECT_EQ(own->read(0, bytes), 5U);
    EXPECT_EQ(other->read(0, bytes), 1U);
}

TEST_F(ConsoleSchemeTest, AFullPortHoldsItsStreamBack) {
    PortedConsole console{line_};
    const auto own = *console.open(1, OpenFlags::None, "own");
    console.port.found = true;
    console.port.room = 3;
    console.ports_changed();
    EXPECT_EQ(own->write(0, test::bytes_of("12345")), 3U);
    EXPECT_EQ(own->write(0, test::bytes_of("45")).error(), scheme::Error::WouldBlock);
    EXPECT_EQ(own->ready(), scheme::EventMask::None);
    own->closed();
    console.ports_changed();
}

}  // namespace
}  // namespace redoubt
