// A capability slot: the only way to name an object. 64 bytes, lives in a CNode or inside a Thread.
#pragma once

#include <cstdint>

#include "abi/object.hpp"
#include "abi/rights.hpp"
#include "kernel/cap/node.hpp"

namespace redoubt::kernel {

struct SpaceObject;

struct alignas(64) Capability : DerivationNode {
    /// Kernel address of the object's ObjectHeader. Untyped, Frame: physical address. IoPortRange:
    /// first | last << 16. HvFile: which path (kernel/hv/scheme.cpp).
    std::uint64_t object;
    /// Endpoint, Notification, HvFile: badge. Frame: where it is mapped. Untyped: bytes given out
    /// so far.
    std::uint64_t badge;
    SpaceObject* space;  ///< Frame: where it is mapped; nullptr: nowhere
    union {
        Capability* previous_mapping;  ///< Frame: the other frames mapped in `space`
        Capability* previous_alike;    ///< with an ObjectHeader: the object's others, in a circle
        std::uint64_t clean_start;     ///< Untyped: [clean_start, clean_end), relative to it, is
    };  ///< zero already and not given out
    union {
        Capability* next_mapping;
        Capability* next_alike;
        std::uint64_t clean_end;
    };

    bool empty() const { return type == abi::ObjectType::Null; }
    bool is(abi::ObjectType wanted) const { return type == wanted; }
    bool allows(abi::Rights needed) const { return abi::includes(rights, needed); }
    template <class T>
    T& as() const {
        return *reinterpret_cast<T*>(object);
    }
};
static_assert(sizeof(Capability) == 64);
static_assert(sizeof(Capability) == 1U << abi::kSlotBits);

}  // namespace redoubt::kernel
