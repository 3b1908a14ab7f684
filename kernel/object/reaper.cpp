// The ends of objects, one after the other.
#include "kernel/hv/hv.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/object.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

void Reaper::run() {
    while (first_ != nullptr) {
        ObjectHeader& object = *first_;
        first_ = object.next_dead;
        switch (object.type) {
            case abi::ObjectType::CNode:
                cnode_destroy(static_cast<CNode&>(object), *this);
                break;
            case abi::ObjectType::AddressSpace:
                address_space_destroy(static_cast<AddressSpace&>(object));
                break;
            case abi::ObjectType::Thread:
                thread_destroy(static_cast<Thread&>(object), *this);
                break;
            case abi::ObjectType::Endpoint:
                endpoint_destroy(static_cast<Endpoint&>(object));
                break;
            case abi::ObjectType::Notification:
                notification_destroy(static_cast<Notification&>(object));
                break;
            case abi::ObjectType::Reply:
                reply_destroy(static_cast<Reply&>(object));
                break;
            case abi::ObjectType::Irq:
                irq_destroy(static_cast<Irq&>(object));
                break;
            // Their types are kernel/hv's; both begin with their header.
            case abi::ObjectType::Vm:
                hv::vm_destroy(reinterpret_cast<Vm&>(object));
                break;
            case abi::ObjectType::Vcpu:
                hv::vcpu_destroy(reinterpret_cast<Vcpu&>(object));
                break;
            default:
                break;
        }
    }
}

}  // namespace redoubt::kernel
