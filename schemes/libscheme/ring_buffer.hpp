// A bounded byte queue; storage is taken on first use, so an idle stream costs nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace redoubt::scheme {

class RingBuffer {
  public:
    explicit RingBuffer(std::size_t capacity) : capacity_(capacity) {}

    std::size_t size() const { return size_; }
    std::size_t room() const { return capacity_ - size_; }
    bool empty() const { return size_ == 0; }

    /// Appends what fits; returns how much that was.
    std::size_t push(std::span<const std::byte> bytes) {
        const std::size_t count = std::min(bytes.size(), room());
        if (count == 0) {
            return 0;
        }
        if (!storage_) {
            storage_ = std::make_unique_for_overwrite<std::byte[]>(capacity_);
        }
        const std::size_t tail = (head_ + size_) % capacity_;
        const std::size_t first = std::min(count, capacity_ - tail);
        std::memcpy(storage_.get() + tail, bytes.data(), first);
        std::memcpy(storage_.get(), bytes.data() + first, count - first);
        size_ += count;
        return count;
    }

    /// Appends everything, forgetting the oldest bytes where there is no room (a history).
    void push_over(std::span<const std::byte> bytes) {
        if (bytes.size() > capacity_) {
            bytes = bytes.last(capacity_);
        }
        if (bytes.size() > room()) {
            drop(bytes.size() - room());
        }
        push(bytes);
    }

    /// Copies bytes from `offset` behind the oldest one; returns how many.
    std::size_t peek(std::size_t offset, std::span<std::byte> out) const {
        if (offset >= size_) {
            return 0;
        }
        const std::size_t count = std::min(out.size(), size_ - offset);
        const std::size_t start = (head_ + offset) % capacity_;
        const std::size_t first = std::min(count, capacity_ - start);
        if (count != 0) {
            std::memcpy(out.data(), storage_.get() + start, first);
            std::memcpy(out.data() + first, storage_.get(), count - first);
        }
        return count;
    }

    std::size_t pop(std::span<std::byte> out) {
        const std::size_t count = peek(0, out);
        drop(count);
        return count;
    }

    void drop(std::size_t count) {
        count = std::min(count, size_);
        head_ = (head_ + count) % capacity_;
        size_ -= count;
    }

  private:
    std::size_t capacity_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    std::unique_ptr<std::byte[]> storage_;
};

}  // namespace redoubt::scheme
