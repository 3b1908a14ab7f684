// Writes the part of a text that a reader asked for, without storing the rest.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::kernel::hv {

/// Keeps bytes [offset, offset + capacity) of everything that is put.
class TextWriter {
  public:
    TextWriter(char* buffer, std::size_t capacity, std::uint64_t offset)
        : buffer_{buffer}, capacity_{capacity}, offset_{offset} {}

    void put(char c) {
        if (length_ >= offset_ && length_ - offset_ < capacity_) buffer_[length_ - offset_] = c;
        ++length_;
    }
    void put(const char* text) {
        while (*text != '\0') put(*text++);
    }
    void put_number(std::uint64_t value) {
        char digits[20];
        unsigned count = 0;
        do {
            digits[count++] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        while (count > 0) put(digits[--count]);
    }
    void put_hex(std::uint64_t value) {
        put("0x");
        int shift = 60;
        while (shift > 0 && value >> shift == 0) shift -= 4;
        for (; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 0xF]);
    }

    /// Of the whole text.
    std::uint64_t length() const { return length_; }
    /// What the buffer holds.
    std::size_t written() const {
        if (length_ <= offset_) return 0;
        return length_ - offset_ < capacity_ ? length_ - offset_ : capacity_;
    }

  private:
    char* buffer_;
    std::size_t capacity_;
    std::uint64_t offset_;
    std::uint64_t length_ = 0;
};

}  // namespace redoubt::kernel::hv
