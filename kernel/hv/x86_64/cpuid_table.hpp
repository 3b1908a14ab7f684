// What CPUID answers a vCPU without its monitor: a table that the monitor gave, found by a hash.
#pragma once

#include <cstdint>
#include <span>

#include "abi/error.hpp"
#include "abi/x86_64/identification.hpp"

namespace redoubt::kernel::hv {

class CpuidTable {
  public:
    bool empty() const { return count_ == 0; }

    /// Replaces the entries. They may change while they are read: each is copied once. On error
    /// (TooLarge, InvalidArgument) the table is empty.
    abi::Error set(std::span<const abi::hv::CpuidEntry> entries);

    /// The first entry given for it, or nullptr.
    const abi::hv::CpuidEntry* find(std::uint32_t leaf, std::uint32_t subleaf) const {
        for (unsigned i = heads_[bucket(leaf)]; i != 0; i = next_[i - 1]) {
            const abi::hv::CpuidEntry& entry = entries_[i - 1];
            if (entry.leaf != leaf) continue;
            if (entry.subleaf == subleaf || (entry.flags & abi::hv::CpuidEntry::kAnySubleaf) != 0)
                return &entry;
        }
        return nullptr;
    }

  private:
    static constexpr unsigned kBuckets = 64;
    /// Basic, hypervisor and extended leaves begin at 0, 4000_0000h and 8000_0000h.
    static unsigned bucket(std::uint32_t leaf) { return (leaf ^ leaf >> 26) % kBuckets; }

    std::uint32_t count_ = 0;
    std::uint8_t heads_[kBuckets] = {};  ///< 1 + index of the first entry; 0: none
    std::uint8_t next_[abi::hv::kMaximumCpuidEntries] =
        {};  ///< likewise, of the next in the bucket
    abi::hv::CpuidEntry entries_[abi::hv::kMaximumCpuidEntries] = {};
};

}  // namespace redoubt::kernel::hv
