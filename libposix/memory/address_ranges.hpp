// Free ranges of addresses, for mappings that libposix or the program make themselves.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::posix {

/// First fit over a short sorted list.
class AddressRanges {
  public:
    static constexpr std::size_t kMaximumRanges = 128;

    constexpr AddressRanges() = default;

    /// Adds [start, end) to what is free. If the list is full the range is lost, which only costs
    /// addresses.
    void release(std::uintptr_t start, std::uintptr_t end) {
        if (start >= end) return;
        std::size_t at = 0;
        while (at < count_ && ranges_[at].end < start) ++at;
        if (at < count_ && ranges_[at].start <= end) {
            ranges_[at].start = start < ranges_[at].start ? start : ranges_[at].start;
            ranges_[at].end = end > ranges_[at].end ? end : ranges_[at].end;
            if (at + 1 < count_ && ranges_[at].end >= ranges_[at + 1].start) {
                ranges_[at].end = ranges_[at + 1].end;
                remove(at + 1);
            }
            return;
        }
        insert(at, {start, end});
    }

    /// An aligned range, or 0. `alignment` is a power of two.
    std::uintptr_t reserve(std::size_t bytes, std::size_t alignment) {
        for (std::size_t i = 0; i < count_; ++i) {
            const Range range = ranges_[i];
            const std::uintptr_t start = (range.start + alignment - 1) & ~(alignment - 1);
            if (start < range.start || start > range.end || range.end - start < bytes) continue;
            const Range after{start + bytes, range.end};
            if (start > range.start) {
                ranges_[i].end = start;
                if (after.start < after.end) insert(i + 1, after);
            } else if (after.start < after.end) {
                ranges_[i] = after;
            } else {
                remove(i);
            }
            return start;
        }
        return 0;
    }

  private:
    struct Range {
        std::uintptr_t start = 0, end = 0;
    };

    void insert(std::size_t at, Range range) {
        if (count_ == kMaximumRanges) return;
        for (std::size_t i = count_; i > at; --i) ranges_[i] = ranges_[i - 1];
        ranges_[at] = range;
        ++count_;
    }
    void remove(std::size_t at) {
        --count_;
        for (std::size_t i = at; i < count_; ++i) ranges_[i] = ranges_[i + 1];
    }

    std::size_t count_ = 0;
    Range ranges_[kMaximumRanges] = {};
};

}  // namespace redoubt::posix
