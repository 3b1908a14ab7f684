// Which slots of this process's CNode are empty.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "abi/object.hpp"

namespace redoubt::native {

/// A bitmap of slots, first fit. Not thread-safe: its owner locks.
class SlotAllocator {
  public:
    static constexpr std::uint32_t kMaximumSlots = 65536;

    constexpr SlotAllocator() = default;

    /// Slots [first, limit) are empty.
    void initialize(abi::CapabilityIndex first, std::uint32_t limit) {
        limit_ = limit < kMaximumSlots ? limit : kMaximumSlots;
        for (std::uint32_t slot = 0; slot < first && slot < limit_; ++slot) set(slot, true);
        hint_ = first;
    }

    /// `count` consecutive slots, or 0.
    abi::CapabilityIndex allocate(std::uint32_t count = 1) {
        const abi::CapabilityIndex found = search(hint_, count);
        return found != 0 ? found : search(1, count);
    }

    void free(abi::CapabilityIndex first, std::uint32_t count = 1) {
        for (std::uint32_t i = 0; i < count; ++i) set(first + i, false);
        if (first < hint_) hint_ = first;
    }

    std::uint32_t free_count() const {
        std::uint32_t count = 0;
        for (std::uint32_t slot = 1; slot < limit_; ++slot) count += used(slot) ? 0 : 1;
        return count;
    }

  private:
    bool used(std::uint32_t slot) const { return (words_[slot / 64] >> (slot % 64) & 1) != 0; }

    void set(std::uint32_t slot, bool value) {
        const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
        words_[slot / 64] = value ? words_[slot / 64] | bit : words_[slot / 64] & ~bit;
    }

    abi::CapabilityIndex search(std::uint32_t start, std::uint32_t count) {
        std::uint32_t run = 0;
        for (std::uint32_t slot = start; slot < limit_; ++slot) {
            if (slot % 64 == 0 && words_[slot / 64] == ~std::uint64_t{0}) {
                run = 0;
                slot += 63;
                continue;
            }
            run = used(slot) ? 0 : run + 1;
            if (run != count) continue;
            const std::uint32_t first = slot + 1 - count;
            for (std::uint32_t i = first; i <= slot; ++i) set(i, true);
            if (count == 1) hint_ = slot + 1;
            return first;
        }
        return 0;
    }

    std::uint32_t limit_ = 0;
    std::uint32_t hint_ = 1;
    std::uint64_t words_[kMaximumSlots / 64] = {};
};

}  // namespace redoubt::native
