// The derivation list: insertion, deletion and revocation of capabilities.
#pragma once

#include "kernel/cap/capability.hpp"
#include "kernel/object/object.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

/// True if something was derived from `capability` and still exists.
inline bool has_children(const Capability& capability) {
    return capability.next != nullptr && capability.next->depth > capability.depth;
}

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

/// A further capability for a living object, derived from one that exists: for hv: paths that are
/// opened again.
void derive_from_object(ObjectHeader& object, Capability& destination, abi::Rights rights);

/// Empties the slot; its children become its parent's. An object without capabilities goes to the
/// reaper.
void delete_capability(Capability& capability, Reaper& reaper);

/// Deletes what is derived from `capability`, however deep, but at most `limit` capabilities. True
/// if nothing is left.
bool revoke_some(Capability& capability, unsigned limit, Reaper& reaper);

}  // namespace redoubt::kernel
