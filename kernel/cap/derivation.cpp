// The derivation list: insertion, deletion and revocation of capabilities.
#include "kernel/cap/derivation.hpp"

#include "kernel/object/frame.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

namespace {

void link_behind(Capability& capability, Capability& predecessor) {
    capability.previous = &predecessor;
    capability.next = predecessor.next;
    if (predecessor.next != nullptr) predecessor.next->previous = &capability;
    predecessor.next = &capability;
}

bool names_object(const Capability* capability, const ObjectHeader& object) {
    return capability != nullptr && object_header(*capability) == &object;
}

/// Everything about a capability's end except what becomes of its children.
void remove(Capability& capability, Reaper& reaper) {
    if (capability.space != nullptr) frame_unmap(capability);
    if (ObjectHeader* object = object_header(capability);
        object != nullptr && object->capability == &capability) {
        if (names_object(capability.next, *object)) {
            object->capability = capability.next;
        } else {
            object->capability = nullptr;
            reaper.add(*object);
        }
    }
    if (capability.previous != nullptr) capability.previous->next = capability.next;
    if (capability.next != nullptr) capability.next->previous = capability.previous;
    const unsigned thread_slot = capability.thread_slot;
    capability = Capability{};
    if (thread_slot != 0)
        thread_lost_capability(capability, static_cast<ThreadSlot>(thread_slot - 1));
}

}  // namespace

void insert_capability(Capability& capability, Capability* parent) {
    if (parent != nullptr) {
        capability.depth = parent->depth + 1;
        link_behind(capability, *parent);
    } else {
        capability.depth = 0;
        capability.previous = nullptr;
        capability.next = nullptr;
    }
    if (ObjectHeader* object = object_header(capability);
        object != nullptr && object->capability == nullptr) {
        object->capability = &capability;
    }
}

Result<void> can_copy(const Capability& source) {
    if (source.is(abi::ObjectType::Untyped) && has_children(source)) {
        return abi::Error::InvalidState;
    }
    return {};
}

void copy_capability(Capability& source, Capability& destination, abi::Rights rights,
                     std::uint64_t badge) {
    destination = Capability{};
    destination.type = source.type;
    destination.rights = source.rights & rights;
    destination.flags = source.flags & (Capability::kDevice | Capability::kControl);
    destination.size_bits = source.size_bits;
    destination.object = source.object;
    switch (source.type) {
        case abi::ObjectType::Endpoint:
        case abi::ObjectType::Notification:
        case abi::ObjectType::HvFile:
            destination.badge = badge != 0 ? badge : source.badge;
            break;
        case abi::ObjectType::IoPortRange:
            if (badge != 0) destination.object = badge;
            break;
        case abi::ObjectType::Untyped:
            // Only one of the two may give the memory out.
            source.badge = std::uint64_t{1} << source.size_bits;
            source.clean_start = source.clean_end = 0;
            break;
        default:
            break;
    }
    insert_capability(destination, &source);
}

void derive_from_object(ObjectHeader& object, Capability& destination, abi::Rights rights) {
    Capability& source = *object.capability;
    copy_capability(source, destination, abi::Rights::All, 0);
    destination.rights = rights;
}

void delete_capability(Capability& capability, Reaper& reaper) {
    for (Capability* child = capability.next; child != nullptr && child->depth > capability.depth;
         child = child->next) {
        --child->depth;
    }
    remove(capability, reaper);
}

bool revoke_some(Capability& capability, unsigned limit, Reaper& reaper) {
    // The whole subtree goes, so nobody looks at depths that no longer fit their neighbours'.
    while (has_children(capability)) {
        if (limit-- == 0) {
            // A child that is derived before this goes on must not pass for the rest's parent.
            capability.next->depth = capability.depth + 1;
            return false;
        }
        remove(*capability.next, reaper);
    }
    if (capability.is(abi::ObjectType::Untyped)) capability.badge = 0;
    return true;
}

}  // namespace redoubt::kernel
