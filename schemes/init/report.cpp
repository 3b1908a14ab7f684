// See report.hpp.
#include "schemes/init/report.hpp"

#include "schemes/init/devices.hpp"

namespace redoubt::init {

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
