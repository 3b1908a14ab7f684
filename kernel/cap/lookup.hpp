// From a capability index in a system call's argument to the slot.
#pragma once

#include <cstdint>

#include "kernel/cap/capability.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

/// The thread's capability of that index if it is of that type, else nullptr. Only the low 32 bits
/// count.
inline Capability* find(Thread& thread, std::uint64_t index, abi::ObjectType type) {
    Capability* capability = thread.cnode->slot(static_cast<abi::CapabilityIndex>(index));
    if (capability == nullptr || !capability->is(type)) [[unlikely]]
        return nullptr;
    return capability;
}

/// The thread's capability, of any type but Null.
inline Result<Capability*> find_any(Thread& thread, std::uint64_t index) {
    Capability* capability = thread.cnode->slot(static_cast<abi::CapabilityIndex>(index));
    if (capability == nullptr || capability->empty()) return abi::Error::InvalidCapability;
    return capability;
}

/// As find, with the errors InvalidCapability and MissingRight.
inline Result<Capability*> require(Thread& thread, std::uint64_t index, abi::ObjectType type,
                                   abi::Rights needed) {
    Capability* capability = find(thread, index, type);
    if (capability == nullptr) return abi::Error::InvalidCapability;
    if (!capability->allows(needed)) return abi::Error::MissingRight;
    return capability;
}

/// The CNode that a system call's argument names; 0 is the thread's own.
inline Result<CNode*> find_cnode(Thread& thread, std::uint64_t index) {
    if (static_cast<abi::CapabilityIndex>(index) == abi::kNullCapability) return thread.cnode;
    Capability* capability =
        REDOUBT_TRY(require(thread, index, abi::ObjectType::CNode, abi::Rights::Manage));
    return &capability->as<CNode>();
}

/// A slot named by (cnode, index), full or empty.
inline Result<Capability*> find_slot(Thread& thread, std::uint64_t cnode, std::uint64_t index) {
    Capability* slot = REDOUBT_TRY(find_cnode(thread, cnode))->slot(index);
    if (slot == nullptr) return abi::Error::InvalidArgument;
    return slot;
}

/// The first of `count` consecutive slots, all of them empty.
inline Result<Capability*> find_empty_slots(Thread& thread, std::uint64_t cnode,
                                            std::uint64_t index, std::uint64_t count = 1) {
    CNode& node = *REDOUBT_TRY(find_cnode(thread, cnode));
    Capability* first = node.slot(index);
    if (first == nullptr || count == 0 || count > node.slot_count - index) {
        return abi::Error::InvalidArgument;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!first[i].empty()) return abi::Error::SlotOccupied;
    }
    return first;
}

}  // namespace redoubt::kernel
