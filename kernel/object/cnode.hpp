// CNode: a flat array of capability slots. Its header lies where slot 0 would be.
#pragma once

#include <cstdint>

#include "kernel/cap/capability.hpp"
#include "kernel/object/ending.hpp"

namespace redoubt::kernel {

struct alignas(sizeof(Capability)) CNode : ObjectHeader {
    explicit CNode(unsigned size_bits)
        : ObjectHeader{abi::ObjectType::CNode}, slot_count{1U << (size_bits - abi::kSlotBits)} {}

    /// The slot of that index, or nullptr if there is none; slot 0 cannot be named.
    Capability* slot(std::uint64_t index) {
        if (index - 1 >= slot_count - 1) [[unlikely]]
            return nullptr;
        return reinterpret_cast<Capability*>(this) + index;
    }

    std::uint64_t slot_count;       ///< slot 0 included
    std::uint64_t ended_slots = 1;  ///< at its end: those before are empty for good
};
static_assert(sizeof(CNode) == sizeof(Capability));

/// False if the budget did not suffice.
bool cnode_end(CNode& cnode, Budget& budget, DyingObjects& dying);

}  // namespace redoubt::kernel
