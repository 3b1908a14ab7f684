// Numbers and text, one character at a time.
#include "kernel/print.hpp"

#include "arch/console.hpp"

namespace redoubt::kernel {
namespace {

class Console final : public TextSink {
    void put(char character) override { console_write(character); }
};

}  // namespace

void print_arguments(const char* format, std::initializer_list<PrintArgument> arguments) {
    Console{}.print_arguments(format, arguments);
}

void TextSink::put_text(const char* text) {
    while (*text != '\0') put(*text++);
}

void TextSink::put_number(std::uint64_t value, unsigned base) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count != 0) put(digits[--count]);
}

void TextSink::put_argument(const PrintArgument& argument, bool hexadecimal) {
    const bool is_signed = argument.kind_ == PrintArgument::Kind::Signed;
    const std::uint64_t number = argument.number_;
    if (argument.kind_ == PrintArgument::Kind::Text) {
        put_text(argument.text_);
    } else if (is_signed && static_cast<std::int64_t>(number) < 0) {
        put('-');
        put_number(-number, 10);
    } else {
        if (hexadecimal) put_text("0x");
        put_number(number, hexadecimal ? 16 : 10);
    }
}

void TextSink::print_arguments(const char* format, std::initializer_list<PrintArgument> arguments) {
    const PrintArgument* next = arguments.begin();
    for (; *format != '\0'; ++format) {
        const bool hexadecimal = format[0] == '{' && format[1] == 'x' && format[2] == '}';
        const bool plain = format[0] == '{' && format[1] == '}';
        if ((hexadecimal || plain) && next != arguments.end()) {
            put_argument(*next++, hexadecimal);
            format += hexadecimal ? 2 : 1;
        } else {
            put(*format);
        }
    }
}

}  // namespace redoubt::kernel
