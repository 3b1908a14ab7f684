// The short ways of the system calls that threads talk with: a message in registers meets who waits
// for it, a signal meets a better thread or nobody, a wait finds bits or somebody else to run.
//
// Each looks first, changing nothing; if it is not that case the call takes the usual way, through
// its function in kernel/syscall. They neither wait nor look at other processors, and every check
// that the usual way makes is made here too. The entry code calls them with the kernel lock, or
// where there is nobody to lock out, and with everything of the thread saved.
#pragma once

#include <utility>

#include "kernel/cap/lookup.hpp"
#include "kernel/hv/start.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/message.hpp"

namespace redoubt::kernel::fast {

/// Who goes on, and in whose saved registers its message registers are: what is only on its way to
/// another thread's registers need not be stored in between.
struct Continuation {
    Thread* next = nullptr;  ///< nullptr: the usual way
    const Thread* message = nullptr;
};

/// An object of that type, with that right, that the thread has a capability for; else nullptr.
[[gnu::always_inline]] inline Capability* find(Thread& self, std::uint64_t index,
                                               abi::ObjectType type, abi::Rights needed) {
    Capability* capability = kernel::find(self, index, type);
    if (capability == nullptr || !capability->allows(needed)) [[unlikely]]
        return nullptr;
    return capability;
}

/// `cpu`: this processor; it must choose a thread anew only if that is what the call is for.
using ShortWay = Continuation(PerCpu& cpu, UserContext& context);

/// May one be tried at all?
inline bool is_undisturbed(const PerCpu& cpu) { return !cpu.scheduler->reschedule; }

template <Processors kProcessors>
[[gnu::always_inline]] inline Continuation call(PerCpu& cpu, UserContext& context) {
    Thread& self = *cpu.current;
    Capability* capability =
        find(self, argument(context, 0), abi::ObjectType::Endpoint, abi::Rights::Write);
    const abi::MessageInfo info{argument(context, 1)};
    if (capability == nullptr || is_reserved(info) || !is_short(info)) [[unlikely]]
        return {};
    auto& endpoint = capability->as<Endpoint>();
    if (!endpoint.has_receiver()) [[unlikely]]
        return {};
    Thread& receiver = *endpoint.queue.front();
    Reply* reply = receiver.reply;
    if (reply == nullptr || !cpu.scheduler->can_hand_over<kProcessors>(cpu, receiver)) [[unlikely]]
        return {};
    endpoint.queue.pop_front();
    receiver.reply = nullptr;
    reply->receiver = nullptr;
    reply->caller = &self;
    self.reply = reply;
    set_result(receiver.context, 0, capability->badge);
    set_result(receiver.context, 1, info.raw);
    set_status(receiver.context, abi::Error::Ok);
    cpu.scheduler->hand_over<kProcessors>(cpu, ThreadState::AwaitingReply, receiver);
    return {&receiver, &self};
}

/// Answers a caller, or lets one that made a fault go on, with nobody else waiting to be received.
template <Processors kProcessors>
[[gnu::always_inline]] inline Continuation reply_recv(PerCpu& cpu, UserContext& context) {
    Thread& self = *cpu.current;
    const std::uint64_t word = argument(context, 0);
    const abi::MessageInfo info{argument(context, 1)};
    Capability* source = find(self, word, abi::ObjectType::Endpoint, abi::Rights::Read);
    if (source == nullptr) [[unlikely]]
        return {};
    Capability* target = find(self, word >> 32, abi::ObjectType::Reply, abi::Rights::Write);
    if (target == nullptr || !is_short(info)) [[unlikely]]
        return {};
    auto& endpoint = source->as<Endpoint>();
    auto& reply = target->as<Reply>();
    if (reply.caller == nullptr || reply.receiver != nullptr || endpoint.has_caller() ||
        (self.bound != nullptr && self.bound->word != 0)) [[unlikely]] {
        return {};
    }
    Thread& caller = *reply.caller;
    if (!cpu.scheduler->can_hand_over<kProcessors>(cpu, caller)) [[unlikely]]
        return {};
    reply.caller = nullptr;
    reply.receiver = &self;
    self.endpoint = &endpoint;
    self.reply = &reply;
    endpoint.queue.insert_by_priority(self);
    caller.reply = nullptr;
    cpu.scheduler->hand_over<kProcessors>(cpu, ThreadState::Receiving, caller);
    if (caller.in_fault) [[unlikely]] {
        caller.in_fault = false;
        return {&caller, &caller};
    }
    set_result(caller.context, 1, info.raw);
    set_status(caller.context, abi::Error::Ok);
    return {&caller, &self};
}

template <Processors kProcessors>
[[gnu::always_inline]] inline Continuation signal(PerCpu& cpu, UserContext& context) {
    Thread& self = *cpu.current;
    Capability* capability =
        find(self, argument(context, 0), abi::ObjectType::Notification, abi::Rights::Write);
    if (capability == nullptr) [[unlikely]]
        return {};
    auto& notification = capability->as<Notification>();
    if (notification.bound != nullptr && notification.bound->state == ThreadState::Receiving)
        return {};
    if (notification.waiters.empty()) {
        notification.word |= signal_bits(*capability);
        set_status(context, abi::Error::Ok);
        return {&self, &self};
    }
    Thread& waiter = *notification.waiters.front();
    if (waiter.timed || !cpu.scheduler->can_preempt<kProcessors>(cpu, waiter)) return {};
    notification.waiters.pop_front();
    set_result(waiter.context, 1, std::exchange(notification.word, 0) | signal_bits(*capability));
    set_status(waiter.context, abi::Error::Ok);
    set_status(context, abi::Error::Ok);
    cpu.scheduler->preempt(cpu, waiter);
    return {&waiter, &waiter};
}

template <Processors kProcessors>
[[gnu::always_inline]] inline Continuation wait(PerCpu& cpu, UserContext& context) {
    Thread& self = *cpu.current;
    Capability* capability =
        find(self, argument(context, 0), abi::ObjectType::Notification, abi::Rights::Read);
    if (capability == nullptr) [[unlikely]]
        return {};
    auto& notification = capability->as<Notification>();
    if (notification.word != 0) {
        set_result(context, 1, std::exchange(notification.word, 0));
        set_status(context, abi::Error::Ok);
        return {&self, &self};
    }
    if (argument(context, 1) != abi::kNever || !cpu.scheduler->can_take_best<kProcessors>())
        return {};
    self.waiting_for = &notification;
    notification.waiters.insert_by_priority(self);
    Thread& next = cpu.scheduler->take_best(cpu, ThreadState::Waiting);
    return {&next, &next};
}

/// Begins a run, which then is over, or waits for whoever has to run first. False: the usual way.
template <Processors kProcessors>
[[gnu::always_inline]] inline bool run_vcpu(PerCpu& cpu, UserContext& context) {
    Thread& self = *cpu.current;
    Capability* capability =
        find(self, argument(context, 0), abi::ObjectType::Vcpu, abi::Rights::Write);
    if (capability == nullptr) [[unlikely]]
        return false;
    auto& vcpu = capability->as<Vcpu>();
    const std::uint64_t deadline = vcpu.state().deadline;
    if (!hv::may_start(vcpu) || !hv::is_timely(*cpu.scheduler, deadline)) [[unlikely]]
        return false;
    hv::start(self, vcpu, deadline);
    kProcessors == Processors::One ? hv::backend->resume_alone(self) : hv::backend->resume(self);
    return true;
}

}  // namespace redoubt::kernel::fast
