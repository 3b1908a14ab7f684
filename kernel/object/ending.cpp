// The ends of objects, one after the other.
#include "kernel/object/ending.hpp"

#include "kernel/cap/derivation.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/object/scheduling_context.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

namespace {

void leave_list(DyingLink& link) {
    link.previous_dying->next_dying = link.next_dying;
    link.next_dying->previous_dying = link.previous_dying;
    link = DyingLink{};
}

/// Everything but leaving the list and the tree.
bool end_contents(ObjectHeader& object, Budget& budget, DyingObjects& dying) {
    switch (object.type) {
        case abi::ObjectType::CNode:
            return cnode_end(static_cast<CNode&>(object), budget, dying);
        case abi::ObjectType::AddressSpace: {
            auto& space = static_cast<AddressSpace&>(object);
            if (!forget_mappings(space, budget)) return false;
            address_space_destroy(space);
            return true;
        }
        case abi::ObjectType::Thread:
            thread_destroy(static_cast<Thread&>(object), dying);
            return true;
        case abi::ObjectType::Endpoint:
            return endpoint_end(static_cast<Endpoint&>(object), budget);
        case abi::ObjectType::Notification:
            return notification_end(static_cast<Notification&>(object), budget);
        case abi::ObjectType::Reply:
            reply_destroy(static_cast<Reply&>(object));
            return true;
        case abi::ObjectType::SchedulingContext:
            scheduling_context_destroy(static_cast<SchedulingContext&>(object));
            return true;
        // Their types are kernel/hv's; both begin with their header.
        case abi::ObjectType::Vm:
            return hv::vm_end_some(reinterpret_cast<Vm&>(object), budget, dying);
        case abi::ObjectType::Vcpu:
            hv::vcpu_destroy(reinterpret_cast<Vcpu&>(object));
            return true;
        default:
            return true;
    }
}

}  // namespace

void DyingObjects::add(ObjectHeader& object) {
    DyingLink& link = object;
    link = {head_.previous_dying, &head_};
    head_.previous_dying->next_dying = &link;
    head_.previous_dying = &link;
}

void DyingObjects::take(DyingObjects& other) {
    if (other.empty()) return;
    DyingLink& first = *other.head_.next_dying;
    DyingLink& last = *other.head_.previous_dying;
    other.clear();
    first.previous_dying = head_.previous_dying;
    head_.previous_dying->next_dying = &first;
    last.next_dying = &head_;
    head_.previous_dying = &last;
}

bool DyingObjects::end_some(Budget& budget) {
    while (!empty()) {
        if (!budget.spend(Budget::kDeletion)) return false;
        auto& object = static_cast<ObjectHeader&>(*head_.next_dying);
        if (!kernel::end_some(object, budget, *this)) return false;
    }
    return true;
}

bool end_some(ObjectHeader& object, Budget& budget, DyingObjects& dying) {
    if (!end_contents(object, budget, dying)) return false;
    leave_list(object);
    forget_node(object);
    return true;
}

}  // namespace redoubt::kernel
