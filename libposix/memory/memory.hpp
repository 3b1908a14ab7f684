// The process's memory: brk, mmap and what libposix itself needs, from the heap init gave and from
// Untyped.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/startup.hpp"
#include "libhvcall/native/untyped_allocator.hpp"
#include "libposix/memory/address_ranges.hpp"
#include "libposix/memory/frames.hpp"
#include "libposix/memory/page_arena.hpp"
#include "libposix/memory/reservations.hpp"

namespace redoubt::posix {

/// Two arenas: the heap that is mapped at the start (brk grows in it from below, mmap from above),
/// and one that grows, by frames retyped from the Untyped, in the free part of the address space.
/// Mappings that begin without any access (PROT_NONE) are reservations and get memory from
/// mprotect. Everything else is readable and writable: narrower protections are accepted and not
/// enforced, since one frame covers many pages. Not thread-safe: its owner locks. Results are
/// addresses or -errno.
class Memory {
  public:
    constexpr Memory(native::SlotAllocator& slots, native::UntypedAllocator& untyped)
        : untyped_(untyped), frames_(slots, untyped), reservations_(frames_, addresses_) {}

    void initialize(const abi::StartupInfo& startup);

    long brk(std::uintptr_t wanted);
    long mmap(std::uintptr_t address, std::size_t bytes, int protection, int flags);
    long mprotect(std::uintptr_t address, std::size_t bytes, int protection);
    long munmap(std::uintptr_t address, std::size_t bytes);
    long mremap(std::uintptr_t address, std::size_t old_bytes, std::size_t new_bytes, int flags);
    long madvise(std::uintptr_t address, std::size_t bytes, int advice);

    /// Zeroed pages, or nullptr.
    void* allocate_pages(std::size_t pages);
    void free_pages(void* address, std::size_t pages);

    /// Addresses at which nothing is mapped; 0 if there are none.
    std::uintptr_t reserve(std::size_t bytes, std::size_t alignment) {
        return addresses_.reserve(bytes, alignment);
    }
    void release(std::uintptr_t address, std::size_t bytes) {
        addresses_.release(address, address + bytes);
    }

    Frames& frames() { return frames_; }
    const Reservations& reservations() const { return reservations_; }

  private:
    long map_fixed(std::uintptr_t address, std::size_t bytes, int protection, int flags);
    std::uintptr_t find(std::size_t pages);
    bool grow(std::size_t pages);
    PageArena* arena_of(std::uintptr_t address, std::size_t bytes);

    native::UntypedAllocator& untyped_;
    Frames frames_;
    PageArena heap_;
    PageArena growth_;
    AddressRanges addresses_;
    Reservations reservations_;
    std::uintptr_t brk_ = 0;  ///< end of the program's data segment; pages up to it are used
};

}  // namespace redoubt::posix
