// See uart.hpp.
#include "schemes/console/uart.hpp"

#include <algorithm>
#include <utility>

namespace redoubt::console {

namespace {

enum Register : unsigned {
    kData = 0,
    kInterruptEnable = 1,
    kFifoControl = 2,
    kLineControl = 3,
    kModemControl = 4,
    kLineStatus = 5,
};

constexpr std::uint8_t kDataReady = 0x01;
constexpr std::uint8_t kTransmitterEmpty = 0x20;
constexpr std::uint8_t kAllSent = 0x40;
constexpr std::size_t kFifoSize = 16;
/// A line that nobody drains must not stop the system; each poll costs at least a microsecond of
/// bus time.
constexpr unsigned kTransmitPolls = 100'000;

}  // namespace

Uart::Uart(UartRegisters registers) : registers_(std::move(registers)) {
    // A console: that was here before may have left bytes both ways: they are not to be lost.
    for (unsigned polls = 0; (read(kLineStatus) & kAllSent) == 0 && polls < kTransmitPolls;)
        ++polls;
    write(kInterruptEnable, 0);
    write(kLineControl, 0x80);  // divisor latch: 115200 baud
    write(kData, 1);
    write(kInterruptEnable, 0);
    write(kLineControl, 0x03);   // 8N1
    write(kFifoControl, 0xC1);   // enabled (emptied if they were not), trigger at 14 bytes
    write(kModemControl, 0x0B);  // DTR, RTS, OUT2 (gates the interrupt line)
}

void Uart::send(std::string_view bytes) {
    while (!bytes.empty()) {
        unsigned polls = 0;
        while ((read(kLineStatus) & kTransmitterEmpty) == 0) {
            if (++polls == kTransmitPolls) {
                return;
            }
        }
        const std::size_t count = std::min(bytes.size(), kFifoSize);
        for (const char c : bytes.substr(0, count)) {
            write(kData, static_cast<std::uint8_t>(c));
        }
        bytes.remove_prefix(count);
    }
}

std::vector<std::byte> Uart::take_input() {
    constexpr std::size_t kMost = 4096;
    std::vector<std::byte> input;
    while (input.size() < kMost && (read(kLineStatus) & kDataReady) != 0) {
        input.push_back(static_cast<std::byte>(read(kData)));
    }
    return input;
}

void Uart::enable_receive_interrupt() { write(kInterruptEnable, 0x01); }

std::uint8_t Uart::read(unsigned number) { return registers_.read(number); }

void Uart::write(unsigned number, std::uint8_t value) { registers_.write(number, value); }

}  // namespace redoubt::console
