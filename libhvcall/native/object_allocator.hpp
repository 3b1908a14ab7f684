// Endpoints, Notifications and Replies, sixteen to a page of Untyped memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libhvcall/native/untyped_allocator.hpp"

namespace redoubt::native {

/// Not thread-safe: its owner locks.
class ObjectAllocator {
  public:
    constexpr ObjectAllocator(SlotAllocator& slots, UntypedAllocator& untyped)
        : slots_(slots), untyped_(untyped) {}

    /// The slot of a new object of a small fixed-size type, or 0.
    Slot allocate(abi::ObjectType type) {
        Chunk* chunk = find_room();
        if (chunk == nullptr) return 0;
        const Slot slot = slots_.allocate();
        if (slot == 0) return 0;
        if (!ok(retype(chunk->untyped, type, 0, slot))) {
            slots_.free(slot);
            return 0;
        }
        chunk->objects[chunk->made++] = slot;
        ++chunk->live;
        return slot;
    }

    /// Deletes the object with every capability derived from it.
    void release(Slot object) {
        for (Chunk& chunk : chunks_) {
            for (unsigned i = 0; i < chunk.made; ++i) {
                if (chunk.objects[i] != object) continue;
                revoke(object);
                delete_capability(object);
                slots_.free(object);
                chunk.objects[i] = 0;
                if (--chunk.live == 0) {
                    untyped_.release(chunk.untyped);
                    chunk = Chunk{};
                }
                return;
            }
        }
    }

  private:
    static constexpr unsigned kPerChunk = 1U << (abi::kPageBits - abi::kSmallObjectBits);
    static constexpr std::size_t kMaximumChunks = 64;

    struct Chunk {
        Slot untyped = 0;
        unsigned made = 0;  ///< memory is handed out in order and comes back when all of it is free
        unsigned live = 0;
        Slot objects[kPerChunk] = {};
    };

    Chunk* find_room() {
        Chunk* empty = nullptr;
        for (Chunk& chunk : chunks_) {
            if (chunk.untyped != 0 && chunk.made < kPerChunk) return &chunk;
            if (chunk.untyped == 0 && empty == nullptr) empty = &chunk;
        }
        if (empty != nullptr) empty->untyped = untyped_.allocate(abi::kPageBits);
        return empty != nullptr && empty->untyped != 0 ? empty : nullptr;
    }

    SlotAllocator& slots_;
    UntypedAllocator& untyped_;
    Chunk chunks_[kMaximumChunks] = {};
};

}  // namespace redoubt::native
