// Yield, ThreadConfigure, ThreadControl, Exit and SchedulingControl.
#include "kernel/object/thread.hpp"

#include "arch/fpu.hpp"
#include "arch/timer.hpp"
#include "kernel/cap/derivation.hpp"
#include "kernel/cap/lookup.hpp"
#include "kernel/init/init.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/scheduling_context.hpp"
#include "kernel/sched/remote.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

namespace {

bool is_user_address(std::uint64_t address) { return address < kUserAddressEnd; }

/// A plain structure from the caller's IPC buffer, read before it is looked at.
template <class T>
T read_argument(const Thread& self) {
    T value;
    __builtin_memcpy(&value, self.ipc_buffer->words, sizeof value);
    asm volatile("" ::: "memory");
    return value;
}

abi::Error set_context(Thread& self, Thread& thread) {
    const auto start = read_argument<abi::ThreadStart>(self);
    if (thread.state != ThreadState::Inactive) return abi::Error::InvalidState;
    if (!is_user_address(start.instruction_pointer) || !is_user_address(start.stack_pointer) ||
        !is_user_address(start.tls_base)) {
        return abi::Error::InvalidArgument;
    }
    initialize(thread.context, start.instruction_pointer, start.stack_pointer, start.argument,
               start.tls_base);
    fpu_forget(thread.fpu_area);
    fpu_initialize(thread.fpu_area);
    return abi::Error::Ok;
}

abi::Error bind_notification(Thread& self, Thread& thread, std::uint64_t index) {
    if (index == abi::kNullCapability) {
        notification_unbind(thread);
        return abi::Error::Ok;
    }
    Capability* capability =
        REDOUBT_TRY(require(self, index, abi::ObjectType::Notification, abi::Rights::Read));
    auto& notification = capability->as<Notification>();
    if (thread.bound != nullptr || notification.bound != nullptr) return abi::Error::InvalidState;
    thread.bound = &notification;
    notification.bound = &thread;
    // Bits that are there already must not wait for the next signal.
    if (notification.word != 0) notification_signal(notification, 0);
    return abi::Error::Ok;
}

/// Index 0 is the calling thread: what it does to itself needs no capability.
Result<Thread*> find_thread(Thread& self, std::uint64_t index) {
    if (index == abi::kNullCapability) return &self;
    Capability* capability =
        REDOUBT_TRY(require(self, index, abi::ObjectType::Thread, abi::Rights::Manage));
    return &capability->as<Thread>();
}

}  // namespace

abi::Error syscall_yield(Thread&, UserContext&) {
    scheduler().yield();
    return abi::Error::Ok;
}

abi::Error syscall_thread_configure(Thread& self, UserContext& context) {
    using abi::ObjectType;
    using abi::Rights;
    Capability* target =
        REDOUBT_TRY(require(self, argument(context, 0), ObjectType::Thread, Rights::Manage));
    auto& thread = target->as<Thread>();
    const auto wanted = read_argument<abi::ThreadConfiguration>(self);
    ThreadSetup setup{};
    setup.address_space =
        REDOUBT_TRY(require(self, wanted.address_space, ObjectType::AddressSpace, Rights::Manage));
    setup.cnode = REDOUBT_TRY(require(self, wanted.cnode, ObjectType::CNode, Rights::Manage));
    setup.ipc_buffer = REDOUBT_TRY(
        require(self, wanted.ipc_buffer_frame, ObjectType::Frame, Rights::Read | Rights::Write));
    if (setup.ipc_buffer->size_bits != abi::kPageBits ||
        setup.ipc_buffer->has(Capability::kDevice)) {
        return abi::Error::InvalidArgument;
    }
    if (wanted.fault_endpoint != abi::kNullCapability) {
        setup.fault_endpoint =
            REDOUBT_TRY(require(self, wanted.fault_endpoint, ObjectType::Endpoint, Rights::Write));
        // A badge once minted is there to stay.
        setup.fault_badge = setup.fault_endpoint->badge != 0 ? 0 : wanted.fault_badge;
    }
    if (!is_user_address(wanted.ipc_buffer_address) || wanted.ipc_buffer_address % kPageSize != 0 ||
        !is_user_address(wanted.reflect_handler) || wanted.priority > wanted.maximum_priority ||
        wanted.maximum_priority > self.maximum_priority) {
        return abi::Error::InvalidArgument;
    }
    if (thread.state != ThreadState::Inactive) return abi::Error::InvalidState;
    setup.ipc_buffer_address = wanted.ipc_buffer_address;
    setup.reflect_handler = wanted.reflect_handler;
    setup.priority = static_cast<std::uint8_t>(wanted.priority);
    setup.maximum_priority = static_cast<std::uint8_t>(wanted.maximum_priority);
    if (self.scheduling != nullptr) setup.scheduling = &self.slot(ThreadSlot::Scheduling);
    DyingObjects dying;
    thread_configure(thread, setup, dying);
    return end_dying(self, context, dying);
}

abi::Error syscall_thread_control(Thread& self, UserContext& context) {
    Thread& thread = *REDOUBT_TRY(find_thread(self, argument(context, 0)));
    const std::uint64_t value = argument(context, 2);
    switch (static_cast<abi::ThreadOperation>(argument(context, 1))) {
        case abi::ThreadOperation::Resume:
            return thread_resume(thread).error();
        case abi::ThreadOperation::Suspend:
            thread_suspend(thread);
            return abi::Error::Ok;
        case abi::ThreadOperation::SetContext:
            return set_context(self, thread);
        case abi::ThreadOperation::SetPriority:
            if (value > self.maximum_priority) return abi::Error::InvalidArgument;
            thread_set_priority(thread, static_cast<std::uint8_t>(value));
            return abi::Error::Ok;
        case abi::ThreadOperation::BindNotification:
            return bind_notification(self, thread, value);
        case abi::ThreadOperation::SetTlsBase:
            if (!is_user_address(value)) return abi::Error::InvalidArgument;
            hold_thread(thread);
            set_tls_base(thread.context, value);
            return abi::Error::Ok;
        case abi::ThreadOperation::SetReflection:
            if (!is_user_address(value)) return abi::Error::InvalidArgument;
            thread.reflect_handler = value;
            return abi::Error::Ok;
        case abi::ThreadOperation::SetAffinity: {
            const std::uint64_t processors = value != 0 ? value : ~std::uint64_t{0};
            const std::uint64_t existing = ~std::uint64_t{0} >> (kMaximumProcessors - cpu_count());
            if ((processors & existing) == 0) return abi::Error::InvalidArgument;
            thread_set_affinity(thread, processors);
            return abi::Error::Ok;
        }
        case abi::ThreadOperation::SetScheduling: {
            Capability* scheduling = REDOUBT_TRY(
                require(self, value, abi::ObjectType::SchedulingContext, abi::Rights::Manage));
            // Else a process could leave its limit with a SchedulingContext that it makes itself.
            if (self.scheduling != nullptr) return abi::Error::InvalidState;
            DyingObjects dying;
            thread_set_scheduling(thread, *scheduling, dying);
            return end_dying(self, context, dying);
        }
    }
    return abi::Error::InvalidArgument;
}

abi::Error syscall_exit(Thread& self, UserContext&) {
    check_init_lives(self);
    thread_suspend(self);
    orphans().take(self.dying);
    // Without these it cannot be resumed.
    for (Capability& slot : self.slots) {
        if (!slot.empty()) delete_capability(slot, orphans());
    }
    return kNoStatus;
}

abi::Error syscall_scheduling_control(Thread& self, UserContext& context) {
    const auto operation = static_cast<abi::SchedulingOperation>(argument(context, 1));
    const bool configures = operation == abi::SchedulingOperation::Configure;
    Capability* capability =
        REDOUBT_TRY(require(self, argument(context, 0), abi::ObjectType::SchedulingContext,
                            configures ? abi::Rights::Write : abi::Rights::Read));
    auto& scheduling = capability->as<SchedulingContext>();
    if (operation == abi::SchedulingOperation::Read) {
        scheduling.settle();
        set_result(context, 1, scheduling.consumed);
        set_result(context, 2, scheduling.throttled);
        return abi::Error::Ok;
    }
    const std::uint64_t weight = argument(context, 2), budget = argument(context, 3),
                        period = argument(context, 4), second = ticks_per_second();
    const bool is_limit =
        period >= second / 1000 && period <= second && budget <= period * kMaximumProcessors;
    if (!configures || weight == 0 || weight > abi::kMaximumWeight || (budget != 0 && !is_limit))
        return abi::Error::InvalidArgument;
    scheduling.configure(static_cast<std::uint32_t>(weight), budget, period);
    return abi::Error::Ok;
}

}  // namespace redoubt::kernel
