// Thread: configuration, suspension in every state, and the end.
#include "kernel/object/thread.hpp"

#include "arch/fpu.hpp"
#include "kernel/cap/derivation.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/init/init.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/print.hpp"
#include "kernel/report_limit.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

namespace {

void fill_slot(Thread& thread, ThreadSlot which, Capability& source, std::uint64_t badge) {
    Capability& slot = thread.slot(which);
    copy_capability(source, slot, abi::Rights::All, badge);
    slot.thread_slot = 1 + static_cast<unsigned>(which);
}

/// Leaves the queue, timer and reply object that the thread's state keeps it in. True if a system
/// call was cut short, whose status is then to be set.
bool leave(Thread& thread) {
    switch (thread.state) {
        case ThreadState::Inactive:
            return false;
        case ThreadState::Ready:
        case ThreadState::Running:
        case ThreadState::Throttled:
            scheduler().take_off(thread);
            if (thread.vcpu == nullptr) return false;
            hv::abandon_run(thread);
            return true;
        case ThreadState::Calling:
            thread.endpoint->queue.remove(thread);
            break;
        case ThreadState::Receiving:
            thread.endpoint->queue.remove(thread);
            if (thread.reply != nullptr) thread.reply->receiver = nullptr;
            break;
        case ThreadState::AwaitingReply:
            if (thread.reply != nullptr) thread.reply->caller = nullptr;
            break;
        case ThreadState::Waiting:
            thread.waiting_for->waiters.remove(thread);
            if (thread.timed) scheduler().remove_timer(thread);
            break;
    }
    thread.state = ThreadState::Inactive;
    thread.reply = nullptr;
    const bool was_call = !thread.in_fault;
    thread.in_fault = false;
    return was_call;
}

bool can_run(const Thread& thread) {
    return thread.cnode != nullptr && thread.space != nullptr && thread.ipc_buffer != nullptr;
}

}  // namespace

Thread::Thread() : ObjectHeader{abi::ObjectType::Thread} {
    context.fpu_area = fpu_area;
    fpu_initialize(fpu_area);
    initialize(context, 0, 0, 0, 0);
}

void thread_configure(Thread& thread, const ThreadSetup& setup, DyingObjects& dying) {
    for (Capability& slot : thread.slots) {
        if (!slot.empty()) delete_capability(slot, dying);
    }
    fill_slot(thread, ThreadSlot::CNode, *setup.cnode, 0);
    fill_slot(thread, ThreadSlot::AddressSpace, *setup.address_space, 0);
    fill_slot(thread, ThreadSlot::IpcBuffer, *setup.ipc_buffer, 0);
    if (setup.fault_endpoint != nullptr) {
        fill_slot(thread, ThreadSlot::FaultEndpoint, *setup.fault_endpoint, setup.fault_badge);
    }
    if (setup.scheduling != nullptr) thread_set_scheduling(thread, *setup.scheduling, dying);
    thread.cnode = &thread.slot(ThreadSlot::CNode).as<CNode>();
    thread.space = &thread.slot(ThreadSlot::AddressSpace).as<AddressSpace>();
    thread.ipc_buffer =
        direct_map<abi::IpcBuffer>(PhysicalAddress{thread.slot(ThreadSlot::IpcBuffer).object});
    thread.ipc_buffer->self = setup.ipc_buffer_address;
    set_ipc_buffer_base(thread.context, setup.ipc_buffer_address);
    thread.reflect_handler = setup.reflect_handler;
    thread.priority = setup.priority;
    thread.maximum_priority = setup.maximum_priority;
}

Result<void> thread_resume(Thread& thread) {
    if (thread.state != ThreadState::Inactive) return {};
    if (!can_run(thread)) return abi::Error::InvalidState;
    scheduler().wake(thread);
    return {};
}

void thread_suspend(Thread& thread) {
    if (leave(thread)) set_status(thread.context, abi::Error::Cancelled);
}

void thread_cancel_call(Thread& thread) {
    const bool fault = thread.in_fault;
    thread_suspend(thread);
    if (!fault) {
        scheduler().wake(thread);
    } else if (may_report()) {
        print("thread {x} stays stopped: its fault handler is gone\n",
              reinterpret_cast<std::uint64_t>(&thread));
    }
}

void thread_set_affinity(Thread& thread, std::uint64_t processors) {
    thread.affinity = processors;
    const bool moves =
        thread.state == ThreadState::Running && !may_run_on(thread, thread.processor);
    // One that waits may be able to run at once, elsewhere.
    if (!moves && thread.state != ThreadState::Ready) return;
    scheduler().take_off(thread);
    scheduler().wake(thread);
}

void thread_set_priority(Thread& thread, std::uint8_t priority) {
    switch (thread.state) {
        case ThreadState::Calling:
        case ThreadState::Receiving:
            thread.endpoint->queue.remove(thread);
            thread.priority = priority;
            thread.endpoint->queue.insert_by_priority(thread);
            break;
        case ThreadState::Waiting:
            thread.waiting_for->waiters.remove(thread);
            thread.priority = priority;
            thread.waiting_for->waiters.insert_by_priority(thread);
            break;
        default:
            scheduler().change_priority(thread, priority);
            break;
    }
}

void thread_set_scheduling(Thread& thread, Capability& context, DyingObjects& dying) {
    Capability& slot = thread.slot(ThreadSlot::Scheduling);
    if (!slot.empty()) delete_capability(slot, dying);
    fill_slot(thread, ThreadSlot::Scheduling, context, 0);
    scheduler().bind(thread, &slot.as<SchedulingContext>());
}

void thread_lost_capability(Capability& slot, ThreadSlot which) {
    // The slots are an array inside the thread.
    auto* first = reinterpret_cast<std::byte*>(&slot - static_cast<unsigned>(which));
    Thread& thread = *reinterpret_cast<Thread*>(first - kThreadSlotsOffset);
    switch (which) {
        case ThreadSlot::CNode:
            thread.cnode = nullptr;
            break;
        case ThreadSlot::AddressSpace:
            thread.space = nullptr;
            break;
        case ThreadSlot::IpcBuffer:
            thread.ipc_buffer = nullptr;
            break;
        case ThreadSlot::FaultEndpoint:
            return;
        case ThreadSlot::Scheduling:
            return scheduler().bind(thread, nullptr);
    }
    check_init_lives(thread);
    thread_suspend(thread);
    orphans().take(thread.dying);
}

void thread_destroy(Thread& thread, DyingObjects& dying) {
    check_init_lives(thread);
    leave(thread);
    dying.take(thread.dying);
    notification_unbind(thread);
    for (Capability& slot : thread.slots) {
        if (!slot.empty()) delete_capability(slot, dying);
    }
    forget_context(thread.context);
}

}  // namespace redoubt::kernel
