// The derivation tree: insertion, deletion and revocation of capabilities.
#pragma once

#include "kernel/cap/capability.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/object/object.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

/// True if something was derived from `capability` and still exists, or has not ended yet.
inline bool has_children(const Capability& capability) { return capability.first_child != nullptr; }

/// Fills an empty slot with a capability for `object`, a child of `parent` or a root (nullptr).
void make_capability(Capability& slot, Capability* parent, abi::ObjectType type, abi::Rights rights,
                     std::uint64_t object, unsigned size_bits = 0, unsigned flags = 0,
                     std::uint64_t badge = 0);

/// Links a filled-in slot as a child of `parent`, or as a root if parent is nullptr, and tells its
/// object.
void insert_capability(Capability& capability, Capability* parent);

/// Fills the empty slot `destination` with a child of `source` for the same object. Frames come
/// unmapped; an Untyped hands all its memory to the copy. `badge`, unless 0, is the badge of an
/// Endpoint, Notification or HvFile that has none yet, or the narrower range of an IoPortRange.
/// Call can_copy first.
void copy_capability(Capability& source, Capability& destination, abi::Rights rights,
                     std::uint64_t badge);
/// An Untyped with children cannot be copied (InvalidState).
Result<void> can_copy(const Capability& source);

/// A further capability for a living object, derived from its oldest one: for hv: paths that are
/// opened again.
void derive_from_object(ObjectHeader& object, Capability& destination, abi::Rights rights);

/// Empties the slot; its children become its parent's. An object without capabilities goes to
/// `dying`, and is a child of the parent until it has ended.
void delete_capability(Capability& capability, DyingObjects& dying);

/// Of deleting it, for the budget.
unsigned deletion_cost(const Capability& capability);

/// Deletes what is derived from `capability`, however deep, and ends dying objects among it, as far
/// as the budget goes. True if nothing is left.
bool revoke_some(Capability& capability, Budget& budget, DyingObjects& dying);

/// An object that has ended leaves the tree; then its memory may be used again.
void forget_node(DerivationNode& node);

}  // namespace redoubt::kernel
