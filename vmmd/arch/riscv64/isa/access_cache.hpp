// The loads and stores at which a vCPU exits, found in its memory and decoded; most come again.
#pragma once

#include <array>
#include <cstdint>

#include "abi/vcpu_state.hpp"
#include "libhvcall/guest_memory.hpp"
#include "vmmd/arch/riscv64/isa/memory_access.hpp"
#include "vmmd/evidence.hpp"

namespace redoubt::vmmd::isa {

/// Of one vCPU. Its answers are what walking the page tables and decoding the code would give now.
class AccessCache {
  public:
    /// The access of the instruction at pc, until the next call; null if it cannot be read or is
    /// none.
    const MemoryAccess* at_pc(const abi::VcpuState& state, const hvcall::GuestMemory& memory) {
        auto& entry = entries_[(state.pc >> 1 ^ state.pc >> 7) % entries_.size()];
        if (entry.pc == state.pc && entry.vsatp == state.vsatp && entry.evidence.holds())
            [[likely]] {
            return &entry.access;
        }
        return learn(entry, state, memory);
    }

  private:
    struct Entry {
        std::uint64_t pc = 0, vsatp = 0;
        Evidence evidence;  ///< the page tables' entries and the instruction's bytes
        MemoryAccess access;
    };
    static const MemoryAccess* learn(Entry& entry, const abi::VcpuState& state,
                                     const hvcall::GuestMemory& memory);

    std::array<Entry, 32> entries_;
};

}  // namespace redoubt::vmmd::isa
