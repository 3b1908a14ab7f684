// See report.hpp.
#include "schemes/init/report.hpp"

#include "libhvcall/native/syscall.hpp"

namespace redoubt::init {

namespace {

constexpr std::uint16_t kCom1 = 0x3F8;
constexpr std::uint16_t kLineStatus = kCom1 + 5;
constexpr std::uint32_t kTransmitterEmpty = 0x20;
constexpr unsigned kTransmitPolls = 100'000;

abi::CapabilityIndex com1_ports = abi::kNullCapability;

void put(char c) {
    for (unsigned polls = 0; polls < kTransmitPolls; ++polls) {
        const auto status = native::port_in(com1_ports, kLineStatus, 1);
        if (!status || (status.value & kTransmitterEmpty) != 0) {
            break;
        }
    }
    native::port_out(com1_ports, kCom1, 1, static_cast<std::uint8_t>(c));
}

}  // namespace

Line& Line::operator<<(std::string_view text) {
    for (const char c : text) {
        *this << c;
    }
    return *this;
}

Line& Line::operator<<(char c) {
    if (size_ < text_.size()) {
        text_[size_++] = c;
    }
    return *this;
}

Line& Line::operator<<(std::uint64_t value) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count != 0) {
        *this << digits[--count];
    }
    return *this;
}

Line& Line::operator<<(Hexadecimal value) {
    *this << "0x";
    bool started = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        const unsigned digit = value.value >> shift & 0xF;
        started = started || digit != 0 || shift == 0;
        if (started) {
            *this << "0123456789abcdef"[digit];
        }
    }
    return *this;
}

Line& Line::untrusted(std::string_view text) {
    for (const char c : text) {
        *this << (static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c);
    }
    return *this;
}

void set_report_ports(abi::CapabilityIndex ports) { com1_ports = ports; }

void print_line(const Line& line) {
    for (const char c : line.text()) {
        put(c);
    }
    put('\r');
    put('\n');
}

void report(const Line& line) {
    Line whole;
    whole << "init: " << line.text();
    print_line(whole);
}

}  // namespace redoubt::init
