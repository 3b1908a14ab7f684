// Thread: registers, capabilities that it runs on, and where it is in its life.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/ipc.hpp"
#include "abi/object.hpp"
#include "arch/context.hpp"
#include "kernel/cap/capability.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

struct AddressSpace;
struct CNode;
struct Endpoint;
struct Notification;
struct Reply;
struct SchedulingContext;
struct Vcpu;

/// Capabilities that a thread holds in itself, derived from those it was configured with. Losing
/// one of the first three (its source was revoked) stops the thread.
enum class ThreadSlot : unsigned { CNode, AddressSpace, IpcBuffer, FaultEndpoint, Scheduling };
inline constexpr unsigned kThreadSlotCount = 5;

enum class ThreadState : std::uint8_t {
    Inactive,       ///< suspended, never started, or stopped by a fault that nobody handles
    Ready,          ///< in a processor's ready queue
    Running,        ///< the current thread of a processor
    Calling,        ///< in an endpoint's queue, waiting for a receiver
    Receiving,      ///< in an endpoint's queue, waiting for a message
    AwaitingReply,  ///< received by somebody who has not answered
    Waiting,        ///< in a notification's queue
    Throttled,      ///< would be Ready, but its SchedulingContext has no time left
};

/// A vCPU's run keeps its thread Ready or Running, with `vcpu` set.
struct Thread : ObjectHeader {
    Thread();

    Capability& slot(ThreadSlot which) { return slots[static_cast<unsigned>(which)]; }

    UserContext context{};

    // What the slots hold, for speed; nullptr if they are empty.
    CNode* cnode = nullptr;
    AddressSpace* space = nullptr;
    abi::IpcBuffer* ipc_buffer = nullptr;
    SchedulingContext* scheduling = nullptr;  ///< optional

    ThreadState state = ThreadState::Inactive;
    std::uint8_t priority = 0;
    std::uint8_t maximum_priority = 0;
    bool in_fault = false;  ///< Calling or AwaitingReply with `fault` as the message
    bool call_may_grant = false;
    bool timed = false;                ///< in the timer queue
    std::uint8_t timer_processor = 0;  ///< in whose timer queue
    std::uint32_t processor = 0;  ///< Ready: in whose queue; Running: where; else where it was last
    std::uint64_t affinity = ~std::uint64_t{0};  ///< processors it may run on, bit by bit
    /// Ready: ticks of its time slice that a preemption left it; 0: a whole one.
    std::uint64_t slice_left = 0;
    std::uint64_t reflect_handler = 0;

    Vcpu* vcpu = nullptr;  ///< whose guest it runs

    // Calling: what is sent. Receiving: where the caller goes.
    std::uint64_t call_badge = 0;
    abi::MessageInfo call_info;
    Endpoint* endpoint = nullptr;  ///< Calling, Receiving
    Reply* reply = nullptr;        ///< Receiving: to be used; AwaitingReply: holds this thread
    Notification* waiting_for = nullptr;
    Notification* bound = nullptr;  ///< also ends a receive

    // Links of the one queue the thread can be in: ready, endpoint, notification or throttled.
    Thread* queue_previous = nullptr;
    Thread* queue_next = nullptr;

    std::uint64_t deadline = 0;  ///< ticks; while timed
    Thread* timer_previous = nullptr;
    Thread* timer_next = nullptr;

    std::uint64_t fault[abi::kRegisterWords] = {};

    /// What its system call was ending when it had to give way.
    DyingObjects dying;

    Capability slots[kThreadSlotCount] = {};

    static constexpr std::size_t kFpuAreaSize = 2816;
    alignas(64) std::uint8_t fpu_area[kFpuAreaSize];
};
static_assert(sizeof(Thread) <= 1U << abi::kThreadBits);
// Not a standard-layout type because it has a base, yet gcc and clang lay it out in order.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
inline constexpr std::size_t kThreadSlotsOffset = offsetof(Thread, slots);
#pragma GCC diagnostic pop

/// Capabilities and numbers, checked by the caller.
struct ThreadSetup {
    Capability* cnode;
    Capability* address_space;
    Capability* ipc_buffer;
    Capability* fault_endpoint;  ///< or nullptr
    Capability* scheduling;      ///< or nullptr
    std::uint64_t fault_badge;
    std::uint64_t ipc_buffer_address;
    std::uint64_t reflect_handler;
    std::uint8_t priority;
    std::uint8_t maximum_priority;
};

/// Gives an inactive thread its capabilities; those it had before are dropped. What they held ends
/// last: it may be anything, even what `setup` names or the caller itself.
void thread_configure(Thread& thread, const ThreadSetup& setup, DyingObjects& dying);

/// InvalidState if it lacks a capability to run with; no effect on a thread that is not Inactive.
Result<void> thread_resume(Thread& thread);

/// Takes the thread out of whatever it is in. A system call in progress ends with Cancelled when it
/// is resumed.
void thread_suspend(Thread& thread);

/// The peer of a thread's call is gone: the call returns Cancelled; a fault that cannot be handled
/// any more leaves the thread suspended.
void thread_cancel_call(Thread& thread);

/// A run of a vCPU ends with this status in its thread (also called by kernel/hv when a VM is
/// destroyed).
inline void thread_end_run(Thread& thread, abi::Error status) {
    thread.vcpu = nullptr;
    set_status(thread.context, status);
}

/// `processors`: at least one of them exists.
void thread_set_affinity(Thread& thread, std::uint64_t processors);

void thread_set_priority(Thread& thread, std::uint8_t priority);

/// `context`: a capability for a SchedulingContext.
void thread_set_scheduling(Thread& thread, Capability& context, DyingObjects& dying);

/// From delete_capability: one of the thread's own slots was emptied.
void thread_lost_capability(Capability& slot, ThreadSlot which);

void thread_destroy(Thread& thread, DyingObjects& dying);

}  // namespace redoubt::kernel
