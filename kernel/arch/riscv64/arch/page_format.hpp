// The table formats of Sv39, Sv48 and Sv57 (Privileged Architecture 4.4, 4.5, 4.6, 8.5), for
// PageMapper.
#pragma once

#include <cstdint>

#include "kernel/mm/address.hpp"
#include "kernel/mm/flags.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel {

/// Entry bits (4.4.1). Memory types are the platform's (PMA), not the tables'.
struct SvEntry {
    static constexpr std::uint64_t kValid = 1 << 0;
    static constexpr std::uint64_t kRead = 1 << 1;
    static constexpr std::uint64_t kWrite = 1 << 2;
    static constexpr std::uint64_t kExecute = 1 << 3;
    static constexpr std::uint64_t kUser = 1 << 4;
    static constexpr std::uint64_t kGlobal = 1 << 5;
    static constexpr std::uint64_t kAccessed = 1 << 6;
    static constexpr std::uint64_t kDirty = 1 << 7;
    static constexpr std::uint64_t kPageNumber = 0x003F'FFFF'FFFF'FC00;
    static constexpr unsigned kPageNumberShift = 10;
};

/// Levels of 512 entries, but for a root of 2^kRootBits; level 0 holds 4 KiB leaves, 1 2 MiB, 2
/// 1 GiB. The mapper owns the root entries [kFirstRootEntry, kFirstRootEntry + kRootEntries).
/// `kLeafBits` are set in every leaf. Entries have no room for counts: bits that hardware does not
/// use must be zero.
template <class AddressType, unsigned kLevelCount, unsigned kRootBits, unsigned kFirstEntry,
          unsigned kEntries, std::uint64_t kLeafBits = 0>
struct SvFormat : SvEntry {
    using Address = AddressType;
    static constexpr unsigned kLevels = kLevelCount;
    static constexpr unsigned kEntryBits = 9;
    static constexpr unsigned kRootIndexBits = kRootBits;
    static constexpr unsigned kFirstRootEntry = kFirstEntry;
    static constexpr unsigned kRootEntries = kEntries;
    /// The first and the last mappable address.
    static constexpr unsigned kRootShift = kPageBits + kEntryBits * (kLevels - 1);
    static constexpr std::uint64_t kLowest =
        std::uint64_t{kFirstEntry} << kRootShift |
        (kFirstEntry >= 256 ? ~0ULL << (kRootShift + kRootBits) : 0);
    static constexpr std::uint64_t kHighest = kLowest + (std::uint64_t{kEntries} << kRootShift) - 1;

    static constexpr unsigned largest_leaf() { return 2; }
    /// There are leaves that are executable and not readable (4.3.1).
    static constexpr bool kExecuteOnly = true;

    static constexpr bool is_present(std::uint64_t entry) { return (entry & kValid) != 0; }
    static constexpr bool is_leaf(std::uint64_t entry, unsigned level) {
        return level == 0 || (entry & (kRead | kWrite | kExecute)) != 0;
    }
    static constexpr PhysicalAddress table_address(std::uint64_t entry) {
        return PhysicalAddress{(entry & kPageNumber) >> kPageNumberShift << kPageBits};
    }
    static constexpr PhysicalAddress leaf_address(std::uint64_t entry, unsigned) {
        return table_address(entry);
    }
    /// How much more the entry of the next leaf is.
    static constexpr std::uint64_t leaf_step(unsigned level) {
        return 1ULL << kPageNumberShift << (kEntryBits * level);
    }
    static constexpr std::uint64_t accessed_dirty(std::uint64_t entry) {
        return entry & (kAccessed | kDirty);
    }

    static constexpr std::uint64_t make_table(PhysicalAddress table) {
        return table.value() >> kPageBits << kPageNumberShift | kValid;
    }
    /// Accessed and dirty are preset: a processor may fault instead of setting them (4.3.1).
    static constexpr std::uint64_t make_leaf(PhysicalAddress frame, unsigned, PageFlags flags) {
        std::uint64_t entry = make_table(frame) | kAccessed | kLeafBits;
        if (flags.is_readable()) entry |= kRead;
        if (flags.is_writable()) entry |= kWrite | kDirty;
        if (flags.is_user()) entry |= kUser;
        if (flags.is_global()) entry |= kGlobal;
        if (flags.is_executable()) entry |= kExecute;
        return entry;
    }
    static constexpr PageFlags flags_of(std::uint64_t entry, unsigned) {
        PageFlags flags;
        if ((entry & kRead) != 0) flags = flags.read();
        if ((entry & kWrite) != 0) flags = flags.write();
        if ((entry & kUser & ~kLeafBits) != 0) flags = flags.user();
        if ((entry & kGlobal) != 0) flags = flags.global();
        if ((entry & kExecute) != 0) flags = flags.execute();
        return flags;
    }
};

/// User space is Sv39's lower half in all modes. See make_user_tables().
using UserPageFormat = SvFormat<VirtualAddress, 3, 9, 0, 256>;
/// The upper half: the kernel's own mappings.
template <unsigned kLevels>
using KernelPageFormatOf = SvFormat<VirtualAddress, kLevels, 9, 256, 256>;

/// 3: Sv39, 4: Sv48, 5: Sv57.
inline constexpr unsigned kFewestLevels = 3, kMostLevels = 5;
/// Where physical memory ends for the kernel: with Sv39 and during boot; and in larger modes, where
/// derivation links (kernel/cap/node.hpp) reach no further.
inline constexpr PhysicalAddress kDirectMapEnd39{254ULL << 30}, kDirectMapEnd{1ULL << 46};

/// Makes what is above the tables of UserPageFormat in a root of `levels`, and gives the highest of
/// them: with Sv48 and Sv57 they are below the first entries of one table or two, which stay as
/// they are for good. So a change of user space costs the same in all modes. The allocator must
/// have these.
inline PhysicalAddress make_user_tables(PhysicalAddress root, unsigned levels,
                                        FrameAllocator& allocator) {
    for (; levels > UserPageFormat::kLevels; --levels) {
        const PhysicalAddress table = allocator.allocate_zeroed().value();
        *direct_map<std::uint64_t>(root) = UserPageFormat::make_table(table);
        root = table;
    }
    return root;
}

}  // namespace redoubt::kernel
