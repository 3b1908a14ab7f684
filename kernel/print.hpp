// The kernel's log: a tiny formatter that writes to the console.
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

    void write(bool hexadecimal) const;

  private:
    enum class Kind : std::uint8_t { Unsigned, Signed, Text };
    Kind kind_;
    union {
        std::uint64_t number_;
        const char* text_;
    };
};

void print_arguments(const char* format, std::initializer_list<PrintArgument> arguments);

template <class... Arguments>
void print(const char* format, Arguments... arguments) {
    print_arguments(format, {PrintArgument{arguments}...});
}

}  // namespace redoubt::kernel
