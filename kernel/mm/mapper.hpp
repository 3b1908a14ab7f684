// One page-table mapper for every table format: host paging, NPT, EPT, stage 2 and G-stage.
//
// A format describes entries and levels (see arch/page_format.hpp of an architecture); level 0
// holds 4 KiB leaves. Tables come from a FrameAllocator and go back as soon as their last entry
// does: the entry that points to a table counts the table's entries in bits that hardware ignores,
// where the format has such bits; else the table is looked through.
// Every operation checks everything before it changes anything, so a failure leaves all
// translations as they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernel/mm/address.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/mm/flush.hpp"
#include "kernel/mm/frame_allocator.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

template <class Format>
class PageMapper {
  public:
    using AddressType = typename Format::Address;
    using FlushToken = Flush<AddressType>;

    struct Translation {
        PhysicalAddress address;   ///< of the byte asked for
        std::uint64_t leaf_bytes;  ///< size of the leaf that maps it
        PageFlags flags;
    };

    static constexpr std::uint64_t leaf_bytes(unsigned level) {
        return kPageSize << (Format::kEntryBits * level);
    }

    /// `root` is a table the caller owns; the mapper uses only the format's range of its entries.
    PageMapper(PhysicalAddress root, FrameAllocator& allocator)
        : root_{root}, allocator_{&allocator} {}

    PhysicalAddress root() const { return root_; }
    const FrameAllocator& allocator() const { return *allocator_; }

    /// Maps [address, address + bytes) with the largest leaves that alignment and the processor
    /// permit. Errors: InvalidArgument, AlreadyMapped (any part), NoMemory.
    Result<FlushToken> map(AddressType address, PhysicalAddress frame, std::uint64_t bytes,
                           PageFlags flags) {
        REDOUBT_TRY(check_range(address, bytes));
        if (!frame.is_aligned(kPageSize) || !flags.is_readable())
            return abi::Error::InvalidArgument;
        // The common case, one leaf into a table that exists.
        Path path;
        if (const unsigned level = walk(address, path);
            leaf_bytes(level) == bytes && level <= Format::largest_leaf() &&
            address.is_aligned(bytes) && frame.is_aligned(bytes) &&
            !Format::is_present(*path.entry[level])) {
            *path.entry[level] = Format::make_leaf(frame, level, flags);
            add_entries(path, level, 1);
            return FlushToken{address, bytes};
        }
        return map_all(address, frame, bytes, flags);
    }

    /// Removes every translation in the range, all of which must be mapped. Splits leaves that
    /// stick out. Errors: InvalidArgument, NotMapped, NoMemory (only if a leaf had to be split).
    Result<FlushToken> unmap(AddressType address, std::uint64_t bytes) {
        REDOUBT_TRY(check_range(address, bytes));
        Path path;
        if (const unsigned level = walk(address, path); leaf_bytes(level) == bytes &&
                                                        address.is_aligned(bytes) &&
                                                        Format::is_present(*path.entry[level])) {
            // The common case, exactly one leaf.
            *path.entry[level] = 0;
            remove_entries(path, level, 1);
            return FlushToken{address, bytes};
        }
        REDOUBT_TRY(prepare_change(address, bytes));
        clear(address, bytes);
        return FlushToken{address, bytes};
    }

    std::optional<Translation> translate(AddressType address) const {
        return translate_at(root_, address);
    }

    /// What tables that somebody else may change say; needs no allocator.
    static std::optional<Translation> translate_at(PhysicalAddress root, AddressType address) {
        if (!in_limits(address, 1)) return std::nullopt;
        Path path;
        const unsigned level = walk_from(root, address, path);
        const std::uint64_t entry = *path.entry[level];
        if (!Format::is_present(entry)) return std::nullopt;
        return Translation{
            Format::leaf_address(entry, level) + (address.value() & (leaf_bytes(level) - 1)),
            leaf_bytes(level), Format::flags_of(entry, level)};
    }

  protected:
    static constexpr unsigned kTop = Format::kLevels - 1;
    static constexpr std::uint64_t kTableEntries = 1ULL << Format::kEntryBits;
    /// A format without kCountShift has no room for counts.
    static constexpr bool kCounts = requires { Format::kCountShift; };
    static constexpr std::uint64_t kCountOne = [] {
        if constexpr (kCounts) return 1ULL << Format::kCountShift;
        return 0ULL;
    }();
    static constexpr std::uint64_t kCountMask = (2 * kTableEntries - 1) * kCountOne;

    /// The entries that a walk passed through, by level; entry[l + 1] points to the table of
    /// entry[l].
    struct Path {
        std::uint64_t* entry[Format::kLevels];
    };

    static constexpr std::uint64_t index(AddressType address, unsigned level) {
        const unsigned bits = level == kTop ? Format::kRootIndexBits : Format::kEntryBits;
        return address.value() >> (kPageBits + Format::kEntryBits * level) & ((1ULL << bits) - 1);
    }

    static bool in_limits(AddressType address, std::uint64_t bytes) {
        return address.value() >= Format::kLowest && address.value() <= Format::kHighest &&
               bytes - 1 <= Format::kHighest - address.value();
    }

    static Result<void> check_range(AddressType address, std::uint64_t bytes) {
        if (bytes == 0 || ((bytes | address.value()) & kPageMask) != 0 ||
            !in_limits(address, bytes)) {
            return abi::Error::InvalidArgument;
        }
        return {};
    }

    static unsigned leaf_level(AddressType address, PhysicalAddress frame, std::uint64_t bytes) {
        unsigned level = Format::largest_leaf();
        while (level > 0 && (bytes < leaf_bytes(level) || !address.is_aligned(leaf_bytes(level)) ||
                             !frame.is_aligned(leaf_bytes(level)))) {
            --level;
        }
        return level;
    }

    /// Entries from the one of `address` to the end of its table (of the mapper's part of the
    /// root).
    static std::uint64_t entries_after(AddressType address, unsigned level) {
        const std::uint64_t end =
            level == kTop ? Format::kFirstRootEntry + Format::kRootEntries : kTableEntries;
        return end - index(address, level);
    }

    static std::uint64_t* table_entry(std::uint64_t entry, AddressType address, unsigned level) {
        return direct_map<std::uint64_t>(Format::table_address(entry)) + index(address, level);
    }

    /// Descends until an entry that is a leaf or absent; returns its level.
    unsigned walk(AddressType address, Path& path) const { return walk_from(root_, address, path); }

    static unsigned walk_from(PhysicalAddress root, AddressType address, Path& path) {
        std::uint64_t* entry = direct_map<std::uint64_t>(root) + index(address, kTop);
        unsigned level = kTop;
        path.entry[level] = entry;
        while (level > 0 && Format::is_present(*entry) && !Format::is_leaf(*entry, level)) {
            entry = table_entry(*entry, address, --level);
            path.entry[level] = entry;
        }
        return level;
    }

    /// Makes the tables down to `target`. On failure, takes back those it made.
    bool make_path(AddressType address, unsigned target, Path& path) {
        unsigned level = walk(address, path);
        while (level > target) {
            const Result<PhysicalAddress> table = allocator_->allocate_zeroed();
            if (!table.ok()) {
                if (level < kTop) prune(path, level);
                return false;
            }
            *path.entry[level] = Format::make_table(table.value());
            add_entries(path, level, 1);
            path.entry[level - 1] = table_entry(*path.entry[level], address, level - 1);
            --level;
        }
        return true;
    }

    void add_entries(Path& path, unsigned level, std::uint64_t count) {
        if (level < kTop) *path.entry[level + 1] += count * kCountOne;
    }

    void remove_entries(Path& path, unsigned level, std::uint64_t count) {
        if (level < kTop) *path.entry[level + 1] -= count * kCountOne;
        prune(path, level);
    }

    static bool is_empty_table(std::uint64_t parent) {
        if constexpr (kCounts) return (parent & kCountMask) == 0;
        const auto* entries = direct_map<const std::uint64_t>(Format::table_address(parent));
        for (std::uint64_t i = 0; i < kTableEntries; ++i) {
            if (Format::is_present(entries[i])) return false;
        }
        return true;
    }

    /// Frees the table at `level` if it is empty, then its parents likewise.
    void prune(Path& path, unsigned level) {
        for (; level < kTop && is_empty_table(*path.entry[level + 1]); ++level) {
            allocator_->free(Format::table_address(*path.entry[level + 1]));
            *path.entry[level + 1] = 0;
            if (level + 1 < kTop) *path.entry[level + 2] -= kCountOne;
        }
    }

    /// map() in general. By itself, so that the common case keeps its values in registers.
    [[gnu::noinline]] Result<FlushToken> map_all(AddressType address, PhysicalAddress frame,
                                                 std::uint64_t bytes, PageFlags flags) {
        if (!is_unmapped(address, bytes)) return abi::Error::AlreadyMapped;
        for (std::uint64_t done = 0; done < bytes;) {
            const AddressType at = address + done;
            const unsigned level = leaf_level(at, frame + done, bytes - done);
            Path path;
            if (!make_path(at, level, path)) {
                clear(address, done);
                return abi::Error::NoMemory;
            }
            const std::uint64_t span = leaf_bytes(level);
            std::uint64_t count = entries_after(at, level);
            if (count > (bytes - done) / span) count = (bytes - done) / span;
            const std::uint64_t step = Format::leaf_step(level);
            std::uint64_t entry = Format::make_leaf(frame + done, level, flags);
            for (std::uint64_t i = 0; i < count; ++i, entry += step) path.entry[level][i] = entry;
            add_entries(path, level, count);
            done += count * span;
        }
        return FlushToken{address, bytes};
    }

    bool is_unmapped(AddressType address, std::uint64_t bytes) const {
        Path path;
        for (std::uint64_t done = 0; done < bytes;) {
            const AddressType at = address + done;
            const unsigned level = walk(at, path);
            const std::uint64_t span = leaf_bytes(level);
            if (level != 0) {
                if (Format::is_present(*path.entry[level])) return false;
                done += span - (at.value() & (span - 1));
                continue;
            }
            std::uint64_t count = entries_after(at, 0);
            for (const std::uint64_t* entry = path.entry[0]; count > 0 && done < bytes; --count) {
                if (Format::is_present(*entry++)) return false;
                done += kPageSize;
            }
        }
        return true;
    }

    /// What unmap and protect need first: all of the range mapped, and no leaf across its ends.
    Result<void> prepare_change(AddressType address, std::uint64_t bytes) {
        REDOUBT_TRY(check_range(address, bytes));
        std::uint64_t covered = 0;
        for_each_leaf(address, bytes, [&](AddressType at, std::uint64_t&, unsigned level) {
            const std::uint64_t first = at < address ? address.value() : at.value();
            const std::uint64_t last = at.value() + (leaf_bytes(level) - 1);
            const std::uint64_t limit = address.value() + (bytes - 1);
            covered += (last < limit ? last : limit) - first + 1;
        });
        if (covered != bytes) return abi::Error::NotMapped;
        REDOUBT_TRY(split_at(address));
        const std::uint64_t last = address.value() + (bytes - 1);
        if (last < Format::kHighest) REDOUBT_TRY(split_at(AddressType{last + 1}));
        return {};
    }

    /// Splits the leaf in whose middle `boundary` lies until none does. Translations stay as they
    /// are.
    Result<void> split_at(AddressType boundary) {
        Path path;
        unsigned level = walk(boundary, path);
        while (Format::is_present(*path.entry[level]) && !boundary.is_aligned(leaf_bytes(level))) {
            const PhysicalAddress table = REDOUBT_TRY(allocator_->allocate_zeroed());
            const std::uint64_t old = *path.entry[level];
            const std::uint64_t step = Format::leaf_step(level - 1);
            std::uint64_t entry = Format::make_leaf(Format::leaf_address(old, level), level - 1,
                                                    Format::flags_of(old, level)) |
                                  Format::accessed_dirty(old);
            auto* entries = direct_map<std::uint64_t>(table);
            for (std::uint64_t i = 0; i < kTableEntries; ++i, entry += step) entries[i] = entry;
            *path.entry[level] = Format::make_table(table) + kTableEntries * kCountOne;
            --level;
            path.entry[level] = entries + index(boundary, level);
        }
        return {};
    }

    /// Removes the leaves of a range that is mapped throughout and that no leaf sticks out of.
    void clear(AddressType address, std::uint64_t bytes) {
        Path path;
        for (std::uint64_t done = 0; done < bytes;) {
            const AddressType at = address + done;
            const unsigned level = walk(at, path);
            const std::uint64_t span = leaf_bytes(level);
            std::uint64_t* entry = path.entry[level];
            std::uint64_t removed = 0;
            for (std::uint64_t left = entries_after(at, level); left > 0 && done < bytes; --left) {
                if (!Format::is_leaf(*entry, level)) break;
                *entry++ = 0;
                ++removed;
                done += span;
            }
            remove_entries(path, level, removed);
        }
    }

    /// Calls `visit(leaf address, entry, level)` for each leaf that overlaps the range.
    template <class Visitor>
    void for_each_leaf(AddressType address, std::uint64_t bytes, Visitor&& visit) {
        Path path;
        const std::uint64_t last = address.value() + (bytes - 1);
        for (std::uint64_t at = address.value();;) {
            unsigned level = walk(AddressType{at}, path);
            const std::uint64_t span = leaf_bytes(level);
            const std::uint64_t left = entries_after(AddressType{at}, level);
            at &= ~(span - 1);
            for (std::uint64_t i = 0; i < left; ++i) {
                std::uint64_t& entry = path.entry[level][i];
                if (Format::is_present(entry)) {
                    if (!Format::is_leaf(entry, level)) break;
                    visit(AddressType{at}, entry, level);
                }
                if (last - at < span) return;
                at += span;
            }
        }
    }

    PhysicalAddress root_;
    FrameAllocator* allocator_;
};

}  // namespace redoubt::kernel
