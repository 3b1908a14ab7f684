// A buddy allocator whose blocks are Untyped capabilities: big ones are retyped into halves, free
// halves are deleted so that their parent is whole again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "libhvcall/native/slot_allocator.hpp"
#include "libhvcall/native/syscall.hpp"

namespace redoubt::native {

/// Not thread-safe: its owner locks. Slots for the pieces come from the SlotAllocator.
class UntypedAllocator {
  public:
    static constexpr std::size_t kMaximumBlocks = 2048;

    constexpr explicit UntypedAllocator(SlotAllocator& slots) : slots_(slots) {}

    /// Adds memory to spend. The capability stays the caller's but must not be used otherwise.
    bool add(Slot untyped, unsigned size_bits) {
        const std::size_t pair = new_pair();
        if (pair == kNone) return false;
        blocks_[pair] = {untyped, kNone, static_cast<std::uint8_t>(size_bits), State::Free};
        blocks_[pair + 1].state = State::Absent;
        return true;
    }

    /// An Untyped of exactly 2^size_bits bytes, or 0.
    Slot allocate(unsigned size_bits) {
        std::size_t best = kNone;
        for (std::size_t i = 0; i < high_water_; ++i) {
            const Block& block = blocks_[i];
            if (block.state != State::Free || block.size_bits < size_bits) continue;
            if (best == kNone || block.size_bits < blocks_[best].size_bits) best = i;
            if (blocks_[best].size_bits == size_bits) break;
        }
        if (best == kNone) return 0;
        while (blocks_[best].size_bits > size_bits) {
            const std::size_t half = split(best);
            if (half == kNone) return 0;
            best = half;
        }
        blocks_[best].state = State::Used;
        return blocks_[best].slot;
    }

    /// Revokes everything made from the block and takes it back.
    void release(Slot untyped) {
        std::size_t index = find(untyped);
        if (index == kNone) return;
        revoke(untyped);
        blocks_[index].state = State::Free;
        while (blocks_[index].parent != kNone && blocks_[index ^ 1].state == State::Free) {
            index = merge(index);
        }
    }

    /// Bytes in free blocks.
    std::uint64_t free_bytes() const { return bytes(State::Free); }
    /// Bytes in allocated blocks.
    std::uint64_t used_bytes() const { return bytes(State::Used); }

    /// log2 of the largest free block, 0 if there is none.
    unsigned largest_free() const {
        unsigned largest = 0;
        for (std::size_t i = 0; i < high_water_; ++i) {
            if (blocks_[i].state == State::Free && blocks_[i].size_bits > largest) {
                largest = blocks_[i].size_bits;
            }
        }
        return largest;
    }

  private:
    static constexpr std::uint16_t kNone = 0xFFFF;
    enum class State : std::uint8_t { Absent, Free, Used, Split };

    /// Halves of one block are neighbours: indices 2n and 2n + 1.
    struct Block {
        Slot slot = 0;
        std::uint16_t parent = kNone;
        std::uint8_t size_bits = 0;
        State state = State::Absent;
    };

    std::uint64_t bytes(State state) const {
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < high_water_; ++i) {
            if (blocks_[i].state == state) total += std::uint64_t{1} << blocks_[i].size_bits;
        }
        return total;
    }

    std::size_t find(Slot slot) const {
        for (std::size_t i = 0; i < high_water_; ++i) {
            if (blocks_[i].state == State::Used && blocks_[i].slot == slot) return i;
        }
        return kNone;
    }

    std::size_t new_pair() {
        for (std::size_t i = 0; i < high_water_; i += 2) {
            if (blocks_[i].state == State::Absent && blocks_[i + 1].state == State::Absent)
                return i;
        }
        if (high_water_ + 2 > kMaximumBlocks) return kNone;
        high_water_ += 2;
        return high_water_ - 2;
    }

    /// Makes two halves of a free block; the index of the first.
    std::size_t split(std::size_t index) {
        const std::size_t pair = new_pair();
        if (pair == kNone) return kNone;
        const Slot first = slots_.allocate(2);
        if (first == 0) return kNone;
        const unsigned bits = blocks_[index].size_bits - 1U;
        if (!ok(retype(blocks_[index].slot, abi::ObjectType::Untyped, bits, first, 2))) {
            slots_.free(first, 2);
            return kNone;
        }
        blocks_[index].state = State::Split;
        for (unsigned i = 0; i < 2; ++i) {
            blocks_[pair + i] = {first + i, static_cast<std::uint16_t>(index),
                                 static_cast<std::uint8_t>(bits), State::Free};
        }
        return pair;
    }

    /// Deletes a free block and its free sibling; their parent, now free.
    std::size_t merge(std::size_t index) {
        const std::size_t parent = blocks_[index].parent;
        for (Block* half : {&blocks_[index & ~std::size_t{1}], &blocks_[index | 1]}) {
            delete_capability(half->slot);
            slots_.free(half->slot);
            *half = Block{};
        }
        blocks_[parent].state = State::Free;
        return parent;
    }

    SlotAllocator& slots_;
    std::size_t high_water_ = 0;
    Block blocks_[kMaximumBlocks] = {};
};

}  // namespace redoubt::native
