// Which pages of a range of addresses are in use, and which free ones hold old data.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::posix {

inline constexpr std::size_t kPageSize = 4096;

constexpr std::size_t pages_for(std::size_t bytes) { return (bytes + kPageSize - 1) / kPageSize; }

/// Bookkeeping for a range of addresses in two bitmaps that the owner provides. Touches the managed
/// memory only to zero it: pages that were never used are known to be zero already.
class PageArena {
  public:
    /// Words of each bitmap for that many pages.
    static constexpr std::size_t bitmap_words(std::size_t pages) { return (pages + 63) / 64; }

    constexpr PageArena() = default;

    /// Manages `capacity` pages from `base`, of which the first `available` exist now. Bitmaps must
    /// be zero.
    void initialize(std::uintptr_t base, std::size_t capacity, std::size_t available,
                    std::uint64_t* used, std::uint64_t* dirty) {
        base_ = base;
        capacity_ = capacity;
        pages_ = available;
        used_ = used;
        dirty_ = dirty;
    }

    std::uintptr_t base() const { return base_; }
    std::uintptr_t end() const { return base_ + pages_ * kPageSize; }
    std::size_t pages() const { return pages_; }
    std::size_t capacity() const { return capacity_; }
    bool contains(std::uintptr_t address, std::size_t bytes) const {
        return address >= base_ && address <= end() && bytes <= end() - address;
    }

    /// More pages exist now, at the end.
    void extend(std::size_t pages) { pages_ += pages; }

    /// The highest free run of that many pages, zeroed; 0 if there is none. Topmost first leaves
    /// the low end to brk.
    std::uintptr_t allocate(std::size_t pages) {
        if (pages == 0 || pages > pages_) return 0;
        std::size_t run = 0;
        for (std::size_t page = pages_; page-- > 0;) {
            if (page % 64 == 63 && used_[page / 64] == ~std::uint64_t{0}) {
                run = 0;
                page -= 63;
                continue;
            }
            run = test(used_, page) ? 0 : run + 1;
            if (run == pages) {
                claim(page, pages);
                return base_ + page * kPageSize;
            }
        }
        return 0;
    }

    /// Takes exactly this run if all of it is free.
    bool allocate_at(std::uintptr_t address, std::size_t pages) {
        if (!contains(address, pages * kPageSize)) return false;
        const std::size_t first = (address - base_) / kPageSize;
        for (std::size_t page = first; page < first + pages; ++page) {
            if (test(used_, page)) return false;
        }
        claim(first, pages);
        return true;
    }

    /// Gives back whatever of the run is in use.
    void free(std::uintptr_t address, std::size_t pages) {
        const std::size_t first = (address - base_) / kPageSize;
        for (std::size_t page = first; page < first + pages; ++page) {
            if (!test(used_, page)) continue;
            set(used_, page, false);
            set(dirty_, page, true);
        }
    }

    /// True if every page of the run is in use.
    bool all_used(std::uintptr_t address, std::size_t pages) const {
        if (!contains(address, pages * kPageSize)) return false;
        const std::size_t first = (address - base_) / kPageSize;
        for (std::size_t page = first; page < first + pages; ++page) {
            if (!test(used_, page)) return false;
        }
        return true;
    }

    std::size_t free_pages() const {
        std::size_t count = 0;
        for (std::size_t page = 0; page < pages_; ++page) count += test(used_, page) ? 0 : 1;
        return count;
    }

  private:
    static bool test(const std::uint64_t* map, std::size_t page) {
        return (map[page / 64] >> (page % 64) & 1) != 0;
    }
    static void set(std::uint64_t* map, std::size_t page, bool value) {
        const std::uint64_t bit = std::uint64_t{1} << (page % 64);
        map[page / 64] = value ? map[page / 64] | bit : map[page / 64] & ~bit;
    }

    void claim(std::size_t first, std::size_t count) {
        for (std::size_t page = first; page < first + count; ++page) {
            set(used_, page, true);
            if (!test(dirty_, page)) continue;
            set(dirty_, page, false);
            __builtin_memset(reinterpret_cast<void*>(base_ + page * kPageSize), 0, kPageSize);
        }
    }

    std::uintptr_t base_ = 0;
    std::size_t capacity_ = 0;
    std::size_t pages_ = 0;
    std::uint64_t* used_ = nullptr;
    std::uint64_t* dirty_ = nullptr;
};

}  // namespace redoubt::posix
