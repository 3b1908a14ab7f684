// The kernel's log: numbers and text to the console.
#include "kernel/print.hpp"

#include "arch/console.hpp"

namespace redoubt::kernel {
namespace {

void write_text(const char* text) {
    while (*text != '\0') console_write(*text++);
}

void write_number(std::uint64_t value, unsigned base) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count != 0) console_write(digits[--count]);
}

}  // namespace

void PrintArgument::write(bool hexadecimal) const {
    switch (kind_) {
        case Kind::Text:
            return write_text(text_);
        case Kind::Signed:
            if (static_cast<std::int64_t>(number_) < 0) {
                console_write('-');
                return write_number(-number_, 10);
            }
            [[fallthrough]];
        case Kind::Unsigned:
            if (hexadecimal) write_text("0x");
            return write_number(number_, hexadecimal ? 16 : 10);
    }
}

void print_arguments(const char* format, std::initializer_list<PrintArgument> arguments) {
    const PrintArgument* next = arguments.begin();
    for (; *format != '\0'; ++format) {
        const bool hexadecimal = format[0] == '{' && format[1] == 'x' && format[2] == '}';
        const bool plain = format[0] == '{' && format[1] == '}';
        if ((hexadecimal || plain) && next != arguments.end()) {
            next++->write(hexadecimal);
            format += hexadecimal ? 2 : 1;
        } else {
            console_write(*format);
        }
    }
}

}  // namespace redoubt::kernel
