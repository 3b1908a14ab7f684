// init's own lines on the serial line: rare, whole, and without any other process's help.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace redoubt::init {

struct Hexadecimal {
    std::uint64_t value;
};

/// A line under construction; too long ones are cut.
class Line {
  public:
    Line& operator<<(std::string_view text);
    Line& operator<<(char c);
    Line& operator<<(std::uint64_t value);
    Line& operator<<(Hexadecimal value);
    /// Text of unknown origin: control characters become '?'.
    Line& untrusted(std::string_view text);

    std::string_view text() const { return {text_.data(), size_}; }

  private:
    std::array<char, 512> text_;
    std::size_t size_ = 0;
};

/// Prints "init: " and the line.
void report(const Line& line);
/// Prints the line as it is.
void print_line(const Line& line);

}  // namespace redoubt::init
