// A place in the derivation tree: of a capability, or of an object that has none any more and has
// not ended yet.
#pragma once

#include <cstdint>

#include "abi/object.hpp"
#include "abi/rights.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

struct DerivationNode;

/// A pointer to a node in 40 bits. Nodes are 64-byte aligned and in the direct map, of which this
/// reaches 64 TiB.
class NodeLink {
  public:
    NodeLink() = default;
    NodeLink(DerivationNode* node) {
        const std::uint64_t unit =
            node != nullptr ? direct_map_physical(node).value() >> kUnitBits : 0;
        __builtin_memcpy(bytes_, &unit, sizeof bytes_);
    }

    operator DerivationNode*() const {
        std::uint64_t unit = 0;
        __builtin_memcpy(&unit, bytes_, sizeof bytes_);
        if (unit == 0) return nullptr;
        return direct_map<DerivationNode>(PhysicalAddress{unit << kUnitBits});
    }
    DerivationNode* operator->() const { return *this; }

  private:
    static constexpr unsigned kUnitBits = 6;

    std::uint8_t bytes_[5] = {};
};

/// The children of a node are a list. The first one's `previous` and the last one's `next` is the
/// parent itself: so a node leaves the tree, and its children take its place, in a few steps,
/// however many it has.
struct DerivationNode {
    enum Flag : std::uint32_t {
        kDevice = 1U << 0,      ///< Untyped, Frame: not RAM; never zeroed, mapped uncached
        kControl = 1U << 1,     ///< Irq: the boot control capability that claims lines
        kMappedInVm = 1U << 2,  ///< Frame: `space` is a Vm, else an AddressSpace
        kObject = 1U << 3,      ///< this is an ObjectHeader, not a Capability
    };

    abi::ObjectType type : 8;  ///< Null: the slot is empty
    abi::Rights rights : 8;
    std::uint32_t flags : 4;
    /// 1 + ThreadSlot if this slot is a part of a Thread, 0 if it is in a CNode.
    std::uint32_t thread_slot : 4;
    std::uint32_t size_bits : 8;  ///< Untyped, Frame, CNode, AddressSpace, Vm: log2 of the size
    NodeLink previous;            ///< the sibling before, or the parent; nullptr: a root
    NodeLink next;                ///< the sibling behind, or the parent; nullptr: a root
    NodeLink first_child;
    NodeLink last_child;

    bool has(Flag flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(DerivationNode) == 24);

}  // namespace redoubt::kernel
