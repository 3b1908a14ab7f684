// See memory.hpp.
#include "libposix/memory/memory.hpp"

#include <asm/mman.h>
#include <linux/errno.h>
#include <linux/mman.h>

namespace redoubt::posix {
namespace {

constexpr std::size_t kGrowthStep = std::size_t{1} << kLargestFrameBits;

constexpr std::uintptr_t round_up(std::uintptr_t value, std::size_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace

void Memory::initialize(const abi::StartupInfo& startup) {
    // The bitmaps of both arenas live at the end of the heap. The growing arena can never exceed
    // the Untyped.
    const std::uintptr_t heap_base = round_up(startup.heap_base, kPageSize);
    const std::uintptr_t heap_end = (startup.heap_base + startup.heap_size) & ~(kPageSize - 1);
    const std::uintptr_t growth_base = round_up(startup.free_address_base, kGrowthStep);
    const std::size_t heap_pages = (heap_end - heap_base) / kPageSize;
    std::size_t growth_pages = untyped_.free_bytes() / kPageSize;
    const std::size_t address_pages = startup.free_address_end > growth_base
                                          ? (startup.free_address_end - growth_base) / kPageSize
                                          : 0;
    if (growth_pages > address_pages / 2) growth_pages = address_pages / 2;

    const std::size_t heap_words = PageArena::bitmap_words(heap_pages);
    const std::size_t growth_words = PageArena::bitmap_words(growth_pages);
    const std::size_t reserved = pages_for(2 * 8 * (heap_words + growth_words));
    auto* words = reinterpret_cast<std::uint64_t*>(heap_end - reserved * kPageSize);
    heap_.initialize(heap_base, heap_pages - reserved, heap_pages - reserved, words,
                     words + heap_words);
    words += 2 * heap_words;
    growth_.initialize(growth_base, growth_pages, 0, words, words + growth_words);
    addresses_.release(growth_base + growth_pages * kPageSize, startup.free_address_end);
    brk_ = heap_base;
}

/// Maps at least `pages` more at the end of the growing arena, in the largest frames that fit.
bool Memory::grow(std::size_t pages) {
    std::size_t wanted = round_up(pages * kPageSize, kGrowthStep) / kPageSize;
    if (wanted > growth_.capacity() - growth_.pages()) wanted = pages;
    while (wanted > 0) {
        if (growth_.capacity() - growth_.pages() < wanted) return false;
        const std::uintptr_t end = growth_.end();
        const MappedFrame frame = frames_.map_largest(end, end + wanted * kPageSize);
        if (frame.frame == 0) return false;
        const std::size_t got = std::size_t{1} << (frame.size_bits - abi::kPageBits);
        growth_.extend(got);
        wanted -= got;
    }
    return true;
}

std::uintptr_t Memory::find(std::size_t pages) {
    if (const std::uintptr_t found = heap_.allocate(pages); found != 0) return found;
    if (const std::uintptr_t found = growth_.allocate(pages); found != 0) return found;
    // Even a growth that ended early may have made enough room together with what was free before
    // it.
    grow(pages);
    return growth_.allocate(pages);
}

PageArena* Memory::arena_of(std::uintptr_t address, std::size_t bytes) {
    if (heap_.contains(address, bytes)) return &heap_;
    if (growth_.contains(address, bytes)) return &growth_;
    return nullptr;
}

void* Memory::allocate_pages(std::size_t pages) { return reinterpret_cast<void*>(find(pages)); }

void Memory::free_pages(void* address, std::size_t pages) {
    munmap(reinterpret_cast<std::uintptr_t>(address), pages * kPageSize);
}

long Memory::brk(std::uintptr_t wanted) {
    if (wanted < heap_.base() || wanted > heap_.end()) return static_cast<long>(brk_);
    const std::uintptr_t old_end = round_up(brk_, kPageSize);
    const std::uintptr_t new_end = round_up(wanted, kPageSize);
    if (new_end > old_end) {
        if (!heap_.allocate_at(old_end, (new_end - old_end) / kPageSize)) {
            return static_cast<long>(brk_);
        }
    } else {
        heap_.free(new_end, (old_end - new_end) / kPageSize);
        // Bytes above the break must read as zero when it grows again.
        if (wanted < brk_) {
            const std::uintptr_t end = brk_ < new_end ? brk_ : new_end;
            __builtin_memset(reinterpret_cast<void*>(wanted), 0, end - wanted);
        }
    }
    brk_ = wanted;
    return static_cast<long>(brk_);
}

/// Replaces pages the process already has: they read as zero afterwards.
long Memory::map_fixed(std::uintptr_t address, std::size_t bytes, int protection, int flags) {
    if (address % kPageSize != 0) return -EINVAL;
    const bool replace = (flags & MAP_FIXED_NOREPLACE) == 0;
    if (reservations_.contains(address, bytes)) {
        if (!replace) return -EEXIST;
        reservations_.clear(address, bytes);
        return mprotect(address, bytes, protection) == 0 ? static_cast<long>(address) : -ENOMEM;
    }
    PageArena* arena = arena_of(address, bytes);
    if (arena == nullptr) return -ENOMEM;
    if (replace) arena->free(address, bytes / kPageSize);
    return arena->allocate_at(address, bytes / kPageSize) ? static_cast<long>(address) : -EEXIST;
}

long Memory::mmap(std::uintptr_t address, std::size_t bytes, int protection, int flags) {
    if (bytes == 0) return -EINVAL;
    const std::size_t pages = pages_for(bytes);
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
        return map_fixed(address, pages * kPageSize, protection, flags);
    }
    if (protection == PROT_NONE) {
        const std::uintptr_t reserved = reservations_.reserve(pages);
        return reserved != 0 ? static_cast<long>(reserved) : -ENOMEM;
    }
    const std::uintptr_t found = find(pages);
    return found != 0 ? static_cast<long>(found) : -ENOMEM;
}

long Memory::mprotect(std::uintptr_t address, std::size_t bytes, int protection) {
    if (address % kPageSize != 0) return -EINVAL;
    const std::size_t size = pages_for(bytes) * kPageSize;
    if (protection == PROT_NONE || !reservations_.contains(address, size)) return 0;
    return reservations_.commit(address, size) ? 0 : -ENOMEM;
}

long Memory::munmap(std::uintptr_t address, std::size_t bytes) {
    if (address % kPageSize != 0 || bytes == 0) return -EINVAL;
    const std::size_t pages = pages_for(bytes);
    reservations_.unmap(address, pages * kPageSize);
    PageArena* arena = arena_of(address, pages * kPageSize);
    if (arena != nullptr) arena->free(address, pages);
    return 0;
}

long Memory::mremap(std::uintptr_t address, std::size_t old_bytes, std::size_t new_bytes,
                    int flags) {
    const std::size_t old_pages = pages_for(old_bytes);
    const std::size_t new_pages = pages_for(new_bytes);
    PageArena* arena = arena_of(address, old_pages * kPageSize);
    if (arena == nullptr || address % kPageSize != 0 || new_pages == 0) return -EINVAL;
    if (!arena->all_used(address, old_pages)) return -EFAULT;
    if (new_pages <= old_pages) {
        arena->free(address + new_pages * kPageSize, old_pages - new_pages);
        return static_cast<long>(address);
    }
    if (arena->allocate_at(address + old_pages * kPageSize, new_pages - old_pages)) {
        return static_cast<long>(address);
    }
    if ((flags & MREMAP_MAYMOVE) == 0) return -ENOMEM;
    const std::uintptr_t moved = find(new_pages);
    if (moved == 0) return -ENOMEM;
    __builtin_memcpy(reinterpret_cast<void*>(moved), reinterpret_cast<void*>(address),
                     old_pages * kPageSize);
    arena->free(address, old_pages);
    return static_cast<long>(moved);
}

long Memory::madvise(std::uintptr_t address, std::size_t bytes, int advice) {
    if (advice != MADV_DONTNEED) return 0;
    if (address % kPageSize != 0) return -EINVAL;
    const std::size_t size = pages_for(bytes) * kPageSize;
    reservations_.clear(address, size);
    PageArena* arena = arena_of(address, size);
    if (arena != nullptr && arena->all_used(address, size / kPageSize)) {
        __builtin_memset(reinterpret_cast<void*>(address), 0, size);
    }
    return 0;
}

}  // namespace redoubt::posix
