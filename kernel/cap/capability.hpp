// A capability slot: the only way to name an object. 64 bytes, lives in a CNode or inside a Thread.
#pragma once

#include <cstdint>

#include "abi/object.hpp"
#include "abi/rights.hpp"

namespace redoubt::kernel {

struct SpaceObject;

/// Derivation is one list in depth-first order with each node's depth: the descendants of a
/// capability are the nodes behind it that are deeper than it. All capabilities of one object are
/// neighbours in that list.
struct alignas(64) Capability {
    enum Flag : std::uint32_t {
        kDevice = 1U << 0,      ///< Untyped, Frame: not RAM; never zeroed, mapped uncached
        kControl = 1U << 1,     ///< Irq: the boot control capability that claims lines
        kMappedInVm = 1U << 2,  ///< Frame: `space` is a Vm, else an AddressSpace
    };

    abi::ObjectType type : 8;  ///< Null: the slot is empty
    abi::Rights rights : 8;
    std::uint32_t flags : 4;
    /// 1 + ThreadSlot if this slot is a part of a Thread, 0 if it is in a CNode.
    std::uint32_t thread_slot : 4;
    std::uint32_t size_bits : 8;  ///< Untyped, Frame, CNode, AddressSpace, Vm: log2 of the size
    std::uint32_t depth;
    /// Kernel address of the object's ObjectHeader. Untyped, Frame: physical address. IoPortRange:
    /// first | last << 16. HvFile: which path (kernel/hv/scheme.cpp).
    std::uint64_t object;
    /// Endpoint, Notification, HvFile: badge. Frame: where it is mapped. Untyped: bytes given out
    /// so far.
    std::uint64_t badge;
    SpaceObject* space;  ///< Frame: where it is mapped; nullptr: nowhere
    union {
        Capability* previous_mapping;  ///< Frame: the other frames mapped in `space`
        std::uint64_t clean_start;     ///< Untyped: [clean_start, clean_end), relative to it, is
    };  ///< zero already and not given out
    union {
        Capability* next_mapping;
        std::uint64_t clean_end;
    };
    Capability* previous;  ///< derivation list
    Capability* next;

    bool empty() const { return type == abi::ObjectType::Null; }
    bool is(abi::ObjectType wanted) const { return type == wanted; }
    bool has(Flag flag) const { return (flags & flag) != 0; }
    bool allows(abi::Rights needed) const { return abi::includes(rights, needed); }
    template <class T>
    T& as() const {
        return *reinterpret_cast<T*>(object);
    }
};
static_assert(sizeof(Capability) == 64);
static_assert(sizeof(Capability) == 1U << abi::kSlotBits);

}  // namespace redoubt::kernel
