// The 16550A as Linux's 8250 driver probes and uses it.
#include "vmmd/devices/serial.hpp"

#include <string>

#include "tests/unit/vmmd/devices/device_fixture.hpp"

namespace redoubt::vmmd {
namespace {

class Output final : public CharacterBackend {
  public:
    void write(std::span<const std::uint8_t> bytes) override {
        text.append(bytes.begin(), bytes.end());
    }
    std::string text;
};

class SerialTest : public DeviceTest {
  protected:
    enum : std::uint64_t { kData, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScratch };

    std::size_t receive(const std::string& text) {
        return uart.receive({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    /// As serial8250_do_startup leaves it: 115,200 8N1, FIFO with trigger 8, receive interrupts,
    /// OUT2.
    void start(std::uint8_t interrupts) {
        out(uart, kLcr, 0x83);
        out(uart, kData, 1);
        out(uart, kIer, 0);
        out(uart, kLcr, 0x03);
        out(uart, kIir, 0x87);
        out(uart, kMcr, 0x0B);
        out(uart, kIer, interrupts);
    }

    Output output;
    Serial uart{timers, line, &output};
};

TEST_F(SerialTest, IsFoundAsA16550A) {
    out(uart, kScratch, 0x5A);
    EXPECT_EQ(in(uart, kScratch), 0x5A);
    out(uart, kIer, 0xFF);
    EXPECT_EQ(in(uart, kIer), 0x0F);
    out(uart, kIer, 0);
    out(uart, kMcr, 0x1A);  // loopback, OUT2, RTS
    EXPECT_EQ(in(uart, kMsr) & 0xF0, 0x90);
    out(uart, kMcr, 0x00);
    out(uart, kIir, 0x01);
    EXPECT_EQ(in(uart, kIir) >> 6, 3);
    out(uart, kIir, 0x21);
    EXPECT_EQ(in(uart, kIir) & 0x20, 0) << "not a 16750";
    out(uart, kIir, 0x00);
    EXPECT_EQ(in(uart, kIir) >> 6, 0);
    out(uart, kLcr, 0x80);
    out(uart, kData, 0x34);
    out(uart, kIer, 0x12);
    EXPECT_EQ(in(uart, kData), 0x34);
    EXPECT_EQ(in(uart, kIer), 0x12);
    out(uart, kLcr, 0x03);
    EXPECT_EQ(in(uart, kIer), 0x00) << "the divisor latch hides the interrupt enables";
}

TEST_F(SerialTest, SendsAtOnceAndIsAlwaysReady) {
    for (const char c : std::string("boot")) out(uart, kData, static_cast<std::uint8_t>(c));
    EXPECT_EQ(output.text, "boot");
    EXPECT_EQ(in(uart, kLsr), 0x60);
    EXPECT_FALSE(line.level);
}

TEST_F(SerialTest, TransmitterInterruptComesWhenEnabledAndWhenSent) {
    // serial8250's test for UARTs that need help: enabling twice must request twice.
    start(0);
    for (int i = 0; i < 2; ++i) {
        out(uart, kIer, 0x02);
        EXPECT_TRUE(line.level);
        EXPECT_EQ(in(uart, kIir), 0xC2);
        EXPECT_FALSE(line.level) << "reading the IIR takes it away";
        EXPECT_EQ(in(uart, kIir), 0xC1);
        out(uart, kIer, 0x00);
    }
    out(uart, kIer, 0x02);
    const auto before = line.rises;
    out(uart, kData, 'x');
    EXPECT_EQ(line.rises, before + 1) << "an edge for each character";
    EXPECT_EQ(in(uart, kIir), 0xC2);
}

TEST_F(SerialTest, InterruptsNeedOut2) {
    start(0x02);
    out(uart, kMcr, 0x03);
    EXPECT_FALSE(line.level);
    out(uart, kMcr, 0x0B);
    EXPECT_TRUE(line.level);
}

TEST_F(SerialTest, ReceivesAtTheTriggerLevel) {
    start(0x01);
    EXPECT_EQ(receive("1234567"), 7U);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(receive("8"), 1U);
    EXPECT_TRUE(line.level);
    EXPECT_EQ(in(uart, kIir), 0xC4);
    EXPECT_EQ(in(uart, kLsr), 0x61);
    EXPECT_EQ(in(uart, kData), '1');
    EXPECT_FALSE(line.level);
}

TEST_F(SerialTest, ATimeoutTellsOfFewCharacters) {
    start(0x01);
    receive("ab");
    advance(microseconds(340));
    EXPECT_FALSE(line.level);
    advance(microseconds(10));  // four characters of ten bits at 115,200 baud: 347 us
    EXPECT_TRUE(line.level);
    EXPECT_EQ(in(uart, kIir), 0xCC);
    EXPECT_EQ(in(uart, kData), 'a');
    EXPECT_FALSE(line.level) << "a read starts the timeout anew";
    advance(milliseconds(1));
    EXPECT_TRUE(line.level);
    EXPECT_EQ(in(uart, kData), 'b');
    EXPECT_FALSE(line.level);
    advance(milliseconds(1));
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(uart, kData), 0);
}

TEST_F(SerialTest, WithoutFifoEachCharacterInterrupts) {
    start(0x01);
    out(uart, kIir, 0x00);
    EXPECT_EQ(receive("xy"), 1U);
    EXPECT_EQ(in(uart, kIir), 0x04);
    EXPECT_EQ(in(uart, kData), 'x');
}

TEST_F(SerialTest, TakesWhatFitsAndCallsForTheRest) {
    start(0x01);
    int ready = 0;
    uart.set_ready_callback([&] { ++ready; });
    const std::string text = "0123456789abcdefXYZ";
    EXPECT_EQ(receive(text), 16U);
    EXPECT_EQ(receive(text.substr(16)), 0U);
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(ready, 0);
        EXPECT_EQ(in(uart, kData), text[i]);
    }
    EXPECT_EQ(ready, 1);
    EXPECT_EQ(receive(text.substr(16)), 3U);
    for (int i = 0; i < 3; ++i) in(uart, kData);
    EXPECT_EQ(ready, 1) << "nobody waits";
}

TEST_F(SerialTest, ReadyMayReceiveAtOnce) {
    start(0x01);
    std::string rest = "hello, this is more than sixteen characters";
    uart.set_ready_callback([&] { rest.erase(0, receive(rest)); });
    rest.erase(0, receive(rest));
    std::string got;
    while ((in(uart, kLsr) & 1) != 0) got += static_cast<char>(in(uart, kData));
    EXPECT_EQ(got, "hello, this is more than sixteen characters");
}

TEST_F(SerialTest, ClearingTheFifoEmptiesIt) {
    start(0x01);
    receive("12345678");
    out(uart, kIir, 0x83);
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(uart, kLsr) & 1, 0);
}

TEST_F(SerialTest, LoopbackKeepsToItselfAndOverruns) {
    start(0x05);
    out(uart, kMcr, 0x1B);
    out(uart, kData, 'q');
    EXPECT_EQ(output.text, "");
    EXPECT_EQ(receive("no"), 0U);
    EXPECT_EQ(in(uart, kData), 'q');
    for (int i = 0; i < 17; ++i) out(uart, kData, static_cast<std::uint8_t>('a' + i));
    EXPECT_FALSE(line.level) << "OUT2 is disconnected";
    EXPECT_EQ(in(uart, kIir), 0xC6);
    EXPECT_EQ(in(uart, kLsr), 0x63);
    EXPECT_EQ(in(uart, kLsr), 0x61) << "errors are read once";
    EXPECT_EQ(in(uart, kData), 'a');
}

TEST_F(SerialTest, ModemStatusReportsChanges) {
    start(0x08);
    in(uart, kMsr);
    EXPECT_FALSE(line.level);
    out(uart, kMcr, 0x18);  // loopback with OUT2 only: CTS and DSR fall
    EXPECT_EQ(in(uart, kIir), 0xC0);
    EXPECT_EQ(in(uart, kMsr), 0x83);
    EXPECT_EQ(in(uart, kMsr), 0x80);
    EXPECT_EQ(in(uart, kIir), 0xC1);
}

TEST_F(SerialTest, ResetForgets) {
    start(0x03);
    receive("12345678");
    uart.reset();
    EXPECT_FALSE(line.level);
    EXPECT_EQ(in(uart, kLsr), 0x60);
    EXPECT_EQ(in(uart, kIer), 0);
}

TEST_F(SerialTest, WorksWithoutABackend) {
    Serial lonely(timers, line, nullptr);
    out(lonely, kData, 'x');
    EXPECT_EQ(in(lonely, kLsr), 0x60);
}

}  // namespace
}  // namespace redoubt::vmmd
