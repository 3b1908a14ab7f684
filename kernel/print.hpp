// A tiny formatter, and the kernel's log: what print() writes to the console.
//
// print("{} of {x}\n", name, address): {} prints decimal, text or a bool; {x} hexadecimal with 0x.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>

#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

/// One argument of print, whatever its type was.
class PrintArgument {
  public:
    template <std::unsigned_integral T>
    constexpr PrintArgument(T value) : kind_{Kind::Unsigned}, number_{value} {}
    template <std::signed_integral T>
    constexpr PrintArgument(T value)
        : kind_{Kind::Signed}, number_{static_cast<std::uint64_t>(std::int64_t{value})} {}
    constexpr PrintArgument(const char* text) : kind_{Kind::Text}, text_{text} {}
    template <class Tag>
    constexpr PrintArgument(Address<Tag> value) : kind_{Kind::Unsigned}, number_{value.value()} {}

  private:
    friend class TextSink;
    enum class Kind : std::uint8_t { Unsigned, Signed, Text };
    Kind kind_;
    union {
        std::uint64_t number_;
        const char* text_;
    };
};

/// Where formatted text goes.
class TextSink {
  public:
    virtual void put(char character) = 0;

    template <class... Arguments>
    void print(const char* format, Arguments... arguments) {
        print_arguments(format, {PrintArgument{arguments}...});
    }
    void print_arguments(const char* format, std::initializer_list<PrintArgument> arguments);

  protected:
    ~TextSink() = default;

  private:
    void put_text(const char* text);
    void put_number(std::uint64_t value, unsigned base);
    void put_argument(const PrintArgument& argument, bool hexadecimal);
};

void print_arguments(const char* format, std::initializer_list<PrintArgument> arguments);

/// To the console.
template <class... Arguments>
void print(const char* format, Arguments... arguments) {
    print_arguments(format, {PrintArgument{arguments}...});
}

}  // namespace redoubt::kernel
