// The table format of x86-64 long-mode paging (APM vol. 2, 5.3), for PageMapper.
#pragma once

#include <cstdint>

#include "kernel/mm/address.hpp"
#include "kernel/mm/flags.hpp"

namespace redoubt::kernel {

/// IA32_PAT as this kernel programs it: entry 4 is write-combining, the others keep their reset
/// values.
inline constexpr std::uint64_t kPageAttributeTable = 0x0007'0401'0007'0406;

/// Largest leaf level of long-mode tables: 2 (1 GiB) once the processor is known to have 1 GiB
/// pages.
inline unsigned long_mode_largest_leaf = 1;

/// Entry bits (APM vol. 2, 5.4).
struct LongModeEntry {
    static constexpr std::uint64_t kPresent = 1ULL << 0;
    static constexpr std::uint64_t kWritable = 1ULL << 1;
    static constexpr std::uint64_t kUser = 1ULL << 2;
    static constexpr std::uint64_t kWriteThrough = 1ULL << 3;
    static constexpr std::uint64_t kCacheDisable = 1ULL << 4;
    static constexpr std::uint64_t kAccessed = 1ULL << 5;
    static constexpr std::uint64_t kDirty = 1ULL << 6;
    static constexpr std::uint64_t kLarge = 1ULL << 7;
    static constexpr std::uint64_t kPatSmall = 1ULL << 7;
    static constexpr std::uint64_t kGlobal = 1ULL << 8;
    static constexpr std::uint64_t kPatLarge = 1ULL << 12;
    static constexpr std::uint64_t kNoExecute = 1ULL << 63;
    static constexpr std::uint64_t kAddress = 0x000F'FFFF'FFFF'F000;
};

/// Four levels of 512 entries; level 0 holds 4 KiB leaves, 1 2 MiB, 2 1 GiB. The mapper owns the
/// root entries [kFirstRootEntry, kFirstRootEntry + kRootEntries). `kLeafBits` are set in every
/// leaf.
template <class AddressType, unsigned kFirstEntry, unsigned kEntries, std::uint64_t kLeafBits = 0>
struct LongModeFormat : LongModeEntry {
    using Address = AddressType;
    static constexpr unsigned kLevels = 4;
    static constexpr unsigned kEntryBits = 9;
    static constexpr unsigned kRootIndexBits = 9;
    static constexpr unsigned kFirstRootEntry = kFirstEntry;
    static constexpr unsigned kRootEntries = kEntries;
    /// Software-available bits of a table entry in which the mapper counts the table's present
    /// entries.
    static constexpr unsigned kCountShift = 52;
    /// The first and the last mappable address.
    static constexpr std::uint64_t kLowest =
        (kFirstEntry >= 256 ? 0xFFFF'0000'0000'0000 : 0) | std::uint64_t{kFirstEntry} << 39;
    static constexpr std::uint64_t kHighest = kLowest + (std::uint64_t{kEntries} << 39) - 1;

    static unsigned largest_leaf() { return long_mode_largest_leaf; }

    static constexpr bool is_present(std::uint64_t entry) { return (entry & kPresent) != 0; }
    static constexpr bool is_leaf(std::uint64_t entry, unsigned level) {
        return level == 0 || (entry & kLarge) != 0;
    }
    static constexpr PhysicalAddress table_address(std::uint64_t entry) {
        return PhysicalAddress{entry & kAddress};
    }
    static constexpr PhysicalAddress leaf_address(std::uint64_t entry, unsigned level) {
        const std::uint64_t span = kPageSize << (kEntryBits * level);
        return PhysicalAddress{entry & kAddress & ~(span - 1)};
    }
    /// How much more the entry of the next leaf is.
    static constexpr std::uint64_t leaf_step(unsigned level) {
        return kPageSize << (kEntryBits * level);
    }
    static constexpr std::uint64_t accessed_dirty(std::uint64_t entry) {
        return entry & (kAccessed | kDirty);
    }

    /// Accessed is preset, so that the processor never writes a table entry that the mapper counts
    /// in.
    static constexpr std::uint64_t make_table(PhysicalAddress table) {
        return table.value() | kPresent | kWritable | kUser | kAccessed;
    }
    static constexpr std::uint64_t make_leaf(PhysicalAddress frame, unsigned level,
                                             PageFlags flags) {
        std::uint64_t entry = frame.value() | kPresent | kLeafBits;
        if (level != 0) entry |= kLarge;
        if (flags.is_writable()) entry |= kWritable;
        if (flags.is_user()) entry |= kUser;
        if (flags.is_global()) entry |= kGlobal;
        if (!flags.is_executable()) entry |= kNoExecute;
        if (flags.is_uncached()) {
            entry |= kCacheDisable | kWriteThrough;
        } else if (flags.is_write_combining()) {
            entry |= level == 0 ? kPatSmall : kPatLarge;
        }
        return entry;
    }
    static constexpr PageFlags flags_of(std::uint64_t entry, unsigned level) {
        PageFlags flags = PageFlags{}.read();
        if ((entry & kWritable) != 0) flags = flags.write();
        if ((entry & kUser & ~kLeafBits) != 0) flags = flags.user();
        if ((entry & kGlobal) != 0) flags = flags.global();
        if ((entry & kNoExecute) == 0) flags = flags.execute();
        if ((entry & kCacheDisable) != 0) flags = flags.uncached();
        if ((entry & (level == 0 ? kPatSmall : kPatLarge)) != 0) flags = flags.write_combining();
        return flags;
    }
};

/// The lower half: user space. The kernel's half of the root is not the mapper's.
using UserPageFormat = LongModeFormat<VirtualAddress, 0, 256>;
/// The upper half: the kernel's own mappings.
using KernelPageFormat = LongModeFormat<VirtualAddress, 256, 256>;

}  // namespace redoubt::kernel
