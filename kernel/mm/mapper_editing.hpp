// PageMapper with changes of what is mapped already: other rights, larger leaves, a log of
// accesses, the end of everything at once. They are the mapper's for every format; the kernel
// changes rights (hv::SecondLevel) and does without the others so far.
#pragma once

#include "kernel/mm/mapper.hpp"

namespace redoubt::kernel {

template <class Format>
class EditingMapper : public PageMapper<Format> {
    using Base = PageMapper<Format>;
    using Base::kTop, Base::kTableEntries, Base::kCountMask, Base::kCountOne;
    using typename Base::Path;

  public:
    using Base::Base, Base::leaf_bytes;
    using typename Base::AddressType, typename Base::FlushToken;

    /// Gives a mapped range other rights or another memory type. Errors as for unmap; NotSupported
    /// if the format has no leaves that are executable alone.
    Result<FlushToken> protect(AddressType address, std::uint64_t bytes, PageFlags flags) {
        if (!flags.is_readable()) {
            if (!flags.is_executable() || flags.is_writable()) return abi::Error::InvalidArgument;
            if (!requires { Format::kExecuteOnly; }) return abi::Error::NotSupported;
        }
        REDOUBT_TRY(this->prepare_change(address, bytes));
        this->for_each_leaf(address, bytes, [&](AddressType, std::uint64_t& entry, unsigned level) {
            entry = Format::make_leaf(Format::leaf_address(entry, level), level, flags) |
                    Format::accessed_dirty(entry);
        });
        return FlushToken{address, bytes};
    }

    /// Calls `visit(address, bytes)` for each leaf in the range that was written since the last
    /// time, and clears its accessed and dirty bits. Holes are skipped.
    template <class Visitor>
    Result<FlushToken> collect_dirty(AddressType address, std::uint64_t bytes, Visitor&& visit) {
        return collect(Format::kDirty, address, bytes, visit);
    }

    /// As collect_dirty, for leaves that were accessed.
    template <class Visitor>
    Result<FlushToken> collect_accessed(AddressType address, std::uint64_t bytes, Visitor&& visit) {
        return collect(Format::kAccessed, address, bytes, visit);
    }

    /// Replaces the table around `address` by one larger leaf where all its entries continue one
    /// another, and so on upwards. Never done unasked: a later partial unmap would need the frame
    /// again and could fail. No leaf gets larger than `limit`. Returns the size of the leaf that
    /// maps `address` afterwards. Errors: NotMapped.
    Result<std::uint64_t> merge(AddressType address, std::uint64_t limit = ~std::uint64_t{0}) {
        if (!Base::in_limits(address, 1)) return abi::Error::InvalidArgument;
        Path path;
        unsigned level = this->walk(address, path);
        if (!Format::is_present(*path.entry[level])) return abi::Error::NotMapped;
        while (level < Format::largest_leaf() && leaf_bytes(level + 1) <= limit &&
               merge_table(path, level))
            ++level;
        return leaf_bytes(level);
    }

    /// Forgets every translation and gives every table but the root back. The caller flushes
    /// everything.
    void destroy_all() {
        auto* root = direct_map<std::uint64_t>(this->root_);
        for (unsigned i = 0; i < Format::kRootEntries; ++i) {
            std::uint64_t& entry = root[Format::kFirstRootEntry + i];
            free_tree(entry, kTop);
            entry = 0;
        }
    }

  private:
    static std::uint64_t without_accessed_dirty(std::uint64_t entry) {
        return entry & ~(Format::kAccessed | Format::kDirty);
    }

    template <class Visitor>
    Result<FlushToken> collect(std::uint64_t bit, AddressType address, std::uint64_t bytes,
                               Visitor&& visit) {
        REDOUBT_TRY(Base::check_range(address, bytes));
        this->for_each_leaf(address, bytes,
                            [&](AddressType at, std::uint64_t& entry, unsigned level) {
                                if ((entry & bit) == 0) return;
                                entry = without_accessed_dirty(entry);
                                visit(at, leaf_bytes(level));
                            });
        return FlushToken{address, bytes};
    }

    /// Replaces the table that holds path.entry[level] by a leaf, if its entries permit.
    bool merge_table(Path& path, unsigned level) {
        if (level >= kTop) return false;
        std::uint64_t& parent = *path.entry[level + 1];
        if ((parent & kCountMask) != kTableEntries * kCountOne) return false;
        const auto* entries = direct_map<std::uint64_t>(Format::table_address(parent));
        const std::uint64_t first = without_accessed_dirty(entries[0]);
        if (!Format::is_present(first)) return false;
        const PhysicalAddress frame = Format::leaf_address(first, level);
        if (!Format::is_leaf(first, level) || !frame.is_aligned(leaf_bytes(level + 1)))
            return false;
        std::uint64_t used = 0;
        for (std::uint64_t i = 0; i < kTableEntries; ++i) {
            if (without_accessed_dirty(entries[i]) != first + i * Format::leaf_step(level))
                return false;
            used |= Format::accessed_dirty(entries[i]);
        }
        free_used_table(parent);
        parent = Format::make_leaf(frame, level + 1, Format::flags_of(first, level)) | used;
        return true;
    }

    /// Frees the tables below `entry`; the depth is the number of levels.
    void free_tree(std::uint64_t entry, unsigned level) {
        if (!Format::is_present(entry) || Format::is_leaf(entry, level)) return;
        const PhysicalAddress table = Format::table_address(entry);
        if (level > 1) {
            const auto* entries = direct_map<std::uint64_t>(table);
            for (std::uint64_t i = 0; i < kTableEntries; ++i) free_tree(entries[i], level - 1);
        }
        free_used_table(entry);
    }

    void free_used_table(std::uint64_t entry) {
        zero_frame(Format::table_address(entry));
        this->allocator_->free(Format::table_address(entry));
    }
};

}  // namespace redoubt::kernel
