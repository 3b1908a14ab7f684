// Tables of CPUID answers come from user space.
#include "kernel/hv/x86_64/cpuid_table.hpp"

namespace redoubt::kernel::hv {

abi::Error CpuidTable::set(std::span<const abi::hv::CpuidEntry> entries) {
    using abi::hv::CpuidEntry;
    *this = CpuidTable{};
    if (entries.size() > abi::hv::kMaximumCpuidEntries) return abi::Error::TooLarge;
    // From the last to the first, each put in front of its bucket: the first one given is found.
    for (std::size_t i = entries.size(); i-- > 0;) {
        CpuidEntry& entry = entries_[i];
        __builtin_memcpy(&entry, &entries[i], sizeof entry);
        if ((entry.flags & ~(CpuidEntry::kAnySubleaf | CpuidEntry::kShowsOsxsave)) != 0 ||
            entry.reserved != 0) {
            *this = CpuidTable{};
            return abi::Error::InvalidArgument;
        }
        std::uint8_t& head = heads_[bucket(entry.leaf)];
        next_[i] = head;
        head = static_cast<std::uint8_t>(i + 1);
    }
    count_ = static_cast<std::uint32_t>(entries.size());
    return abi::Error::Ok;
}

}  // namespace redoubt::kernel::hv
