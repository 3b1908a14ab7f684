// Writes the part of a text that a reader asked for, without storing the rest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernel/print.hpp"

namespace redoubt::kernel::hv {

/// Keeps bytes [offset, offset + capacity) of everything that is put.
class TextWriter final : public TextSink {
  public:
    TextWriter(char* buffer, std::uint64_t capacity, std::uint64_t offset)
        : buffer_{buffer}, capacity_{capacity}, offset_{offset} {}

    void put(char c) override {
        if (length_ >= offset_ && length_ - offset_ < capacity_) buffer_[length_ - offset_] = c;
        ++length_;
    }

    /// Of the whole text.
    std::uint64_t length() const { return length_; }
    /// What the buffer holds.
    std::uint64_t written() const {
        return std::min(length_ - std::min(length_, offset_), capacity_);
    }

  private:
    char* buffer_;
    std::uint64_t capacity_;
    std::uint64_t offset_;
    std::uint64_t length_ = 0;
};

}  // namespace redoubt::kernel::hv
