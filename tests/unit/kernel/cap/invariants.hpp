// What must hold between two system calls, of everything that was made of an Untyped: every link is
// answered, and nothing points to what has ended.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/cap/derivation.hpp"
#include "kernel/hv/vcpu.hpp"
#include "kernel/hv/vm.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/irq.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/object/scheduling_context.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

class Invariants {
  public:
    /// `others`: objects that may be pointed to and were made of something else.
    Invariants(const DerivationNode& root, std::set<const ObjectHeader*> others)
        : live_{std::move(others)} {
        collect(root);
        for (const Capability* capability : capabilities_) check(*capability);
        for (const ObjectHeader* object : live_) check_object(*object);
        for (unsigned slot = 0; slot < kIrqSlotCount; ++slot) {
            expect_live(irq_object(slot).notification, "an Irq's notification");
        }
    }

    /// What does not hold, or nothing.
    const std::string& broken() const { return broken_; }

  private:
    void expect(bool holds, const char* what) {
        if (!holds && broken_.empty()) broken_ = what;
    }
    void expect_live(const ObjectHeader* object, const char* what) {
        expect(object == nullptr || live_.contains(object), what);
    }

    void collect(const DerivationNode& node) {
        if (node.has(DerivationNode::kObject)) {
            live_.insert(static_cast<const ObjectHeader*>(&node));
        } else {
            const auto& capability = static_cast<const Capability&>(node);
            capabilities_.push_back(&capability);
            if (ObjectHeader* object = object_header(capability)) live_.insert(object);
        }
        const DerivationNode* previous = &node;
        for (const DerivationNode* child = node.first_child; child != nullptr;) {
            expect(child->previous == previous, "a link of the tree");
            collect(*child);
            previous = child;
            const DerivationNode* next = child->next;
            if (next == &node) {
                expect(node.last_child == child, "the last child");
                break;
            }
            child = next;
        }
    }

    void check(const Capability& capability) {
        expect(!capability.empty(), "an empty slot in the tree");
        if (const ObjectHeader* object = object_header(capability)) {
            expect(object->type == capability.type, "an object of another type");
            expect(capability.next_alike->previous_alike == &capability, "the object's others");
            expect(object->capability != nullptr, "a dead object's capability");
        }
        if (capability.space != nullptr) {
            expect_live(capability.space, "where a frame is mapped");
            expect(capability.previous_mapping != nullptr
                       ? capability.previous_mapping->next_mapping == &capability
                       : capability.space->mappings == &capability,
                   "the list of mappings");
        }
    }

    void check_object(const ObjectHeader& object) {
        switch (object.type) {
            case abi::ObjectType::Thread:
                return check_thread(static_cast<const Thread&>(object));
            case abi::ObjectType::Endpoint:
                for (const Thread* thread = static_cast<const Endpoint&>(object).queue.front();
                     thread != nullptr; thread = thread->queue_next) {
                    expect_live(thread, "who waits at an endpoint");
                    expect(thread->endpoint == &object, "where who waits thinks it waits");
                }
                break;
            case abi::ObjectType::Notification: {
                const auto& notification = static_cast<const Notification&>(object);
                expect_live(notification.bound, "the bound thread");
                for (const Thread* thread = notification.waiters.front(); thread != nullptr;
                     thread = thread->queue_next) {
                    expect_live(thread, "who waits for a notification");
                }
                break;
            }
            case abi::ObjectType::Reply: {
                const auto& reply = static_cast<const Reply&>(object);
                expect_live(reply.caller, "the caller in a reply object");
                expect_live(reply.receiver, "the receiver in a reply object");
                expect(reply.caller == nullptr || reply.caller->reply == &reply, "its caller");
                break;
            }
            case abi::ObjectType::SchedulingContext:
                for (const Thread* thread =
                         static_cast<const SchedulingContext&>(object).waiting.front();
                     thread != nullptr; thread = thread->queue_next) {
                    expect_live(thread, "who waits for processor time");
                    expect(thread->scheduling == &object, "whose time it waits for");
                }
                break;
            case abi::ObjectType::Vm:
                for (const Vcpu* vcpu = reinterpret_cast<const Vm&>(object).first_vcpu;
                     vcpu != nullptr; vcpu = vcpu->next_vcpu) {
                    expect_live(vcpu, "a VM's vCPU");
                    expect_live(vcpu->runner, "who runs a vCPU");
                }
                break;
            case abi::ObjectType::Vcpu:
                expect_live(reinterpret_cast<const Vcpu&>(object).vm, "a vCPU's VM");
                break;
            default:
                break;
        }
    }

    void check_thread(const Thread& thread) {
        expect_live(thread.cnode, "a thread's CNode");
        expect_live(thread.space, "a thread's space");
        expect_live(thread.scheduling, "a thread's scheduling context");
        expect_live(thread.reply, "a thread's reply object");
        expect_live(thread.bound, "a thread's notification");
        expect_live(thread.vcpu, "a thread's vCPU");
        if (thread.state == ThreadState::Calling || thread.state == ThreadState::Receiving)
            expect_live(thread.endpoint, "a thread's endpoint");
        if (thread.state == ThreadState::Waiting)
            expect_live(thread.waiting_for, "what a thread waits for");
    }

    std::set<const ObjectHeader*> live_;
    std::vector<const Capability*> capabilities_;
    std::string broken_;
};

}  // namespace redoubt::kernel
