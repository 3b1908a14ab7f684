// The derivation tree: insertion, deletion and revocation of capabilities.
#include "kernel/cap/derivation.hpp"

#include "kernel/object/frame.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

namespace {

bool is_first_child(const DerivationNode& node) {
    return node.previous != nullptr && node.previous->first_child == &node;
}

bool is_last_child(const DerivationNode& node) {
    return node.next != nullptr && node.next->last_child == &node;
}

void link_as_child(DerivationNode& node, DerivationNode& parent) {
    node.previous = &parent;
    if (DerivationNode* first = parent.first_child; first != nullptr) {
        node.next = first;
        first->previous = &node;
    } else {
        node.next = &parent;
        parent.last_child = &node;
    }
    parent.first_child = &node;
}

void link_behind(DerivationNode& node, DerivationNode& sibling) {
    DerivationNode* next = sibling.next;
    if (is_last_child(sibling)) {
        next->last_child = &node;
    } else if (next != nullptr) {
        next->previous = &node;
    }
    node.previous = &sibling;
    node.next = next;
    sibling.next = &node;
}

/// Takes the node out; its children come to stand where it stood.
void unlink(DerivationNode& node) {
    DerivationNode* previous = node.previous;
    DerivationNode* next = node.next;
    const bool first = is_first_child(node);
    const bool last = is_last_child(node);
    const bool childless = node.first_child == nullptr;
    DerivationNode* front = childless ? next : static_cast<DerivationNode*>(node.first_child);
    DerivationNode* back = childless ? previous : static_cast<DerivationNode*>(node.last_child);
    if (childless && first && last) front = back = nullptr;
    if (first) {
        previous->first_child = front;
    } else if (previous != nullptr) {
        previous->next = front;
    }
    if (last) {
        next->last_child = back;
    } else if (next != nullptr) {
        next->previous = back;
    }
    if (!childless) {
        front->previous = previous;
        back->next = next;
    }
    node.previous = node.next = node.first_child = node.last_child = nullptr;
}

/// The oldest capability is the object's first, and stays it for its life.
void add_to_object(Capability& capability, ObjectHeader& object) {
    Capability* first = object.capability;
    if (first == nullptr) {
        object.capability = capability.previous_alike = capability.next_alike = &capability;
        return;
    }
    capability.previous_alike = first->previous_alike;
    capability.next_alike = first;
    first->previous_alike->next_alike = &capability;
    first->previous_alike = &capability;
}

/// True if it was the last one.
bool remove_from_object(Capability& capability, ObjectHeader& object) {
    if (capability.next_alike == &capability) {
        object.capability = nullptr;
        return true;
    }
    capability.previous_alike->next_alike = capability.next_alike;
    capability.next_alike->previous_alike = capability.previous_alike;
    if (object.capability == &capability) object.capability = capability.next_alike;
    return false;
}

}  // namespace

void forget_node(DerivationNode& node) { unlink(node); }

void insert_capability(Capability& capability, Capability* parent) {
    if (parent != nullptr) {
        link_as_child(capability, *parent);
    } else {
        capability.previous = capability.next = nullptr;
    }
    if (ObjectHeader* object = object_header(capability); object != nullptr) {
        add_to_object(capability, *object);
    }
}

void make_capability(Capability& slot, Capability* parent, abi::ObjectType type, abi::Rights rights,
                     std::uint64_t object, unsigned size_bits, unsigned flags,
                     std::uint64_t badge) {
    slot = Capability{};
    slot.type = type;
    slot.rights = rights;
    slot.flags = flags;
    slot.size_bits = size_bits;
    slot.object = object;
    slot.badge = badge;
    insert_capability(slot, parent);
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

void delete_capability(Capability& capability, DyingObjects& dying) {
    if (capability.space != nullptr) frame_unmap(capability);
    if (ObjectHeader* object = object_header(capability);
        object != nullptr && remove_from_object(capability, *object)) {
        if (capability.is(abi::ObjectType::Irq)) {
            irq_destroy(capability.as<Irq>());
        } else {
            // Its memory is not free before it has ended.
            link_behind(*object, capability);
            dying.add(*object);
        }
    }
    unlink(capability);
    const unsigned thread_slot = capability.thread_slot;
    capability = Capability{};
    if (thread_slot != 0)
        thread_lost_capability(capability, static_cast<ThreadSlot>(thread_slot - 1));
}

unsigned deletion_cost(const Capability& capability) {
    return Budget::kDeletion + mapping_entries(capability) * Budget::kEntry;
}

bool revoke_some(Capability& capability, Budget& budget, DyingObjects& dying) {
    while (DerivationNode* child = capability.first_child) {
        if (!child->has(DerivationNode::kObject)) {
            auto& derived = static_cast<Capability&>(*child);
            if (!budget.spend(deletion_cost(derived))) return false;
            delete_capability(derived, dying);
        } else if (!budget.spend(Budget::kDeletion) ||
                   !end_some(static_cast<ObjectHeader&>(*child), budget, dying)) {
            return false;
        }
    }
    if (capability.is(abi::ObjectType::Untyped)) capability.badge = 0;
    return true;
}

}  // namespace redoubt::kernel
