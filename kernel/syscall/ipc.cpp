// Call, Recv, Reply and ReplyRecv.
#include <utility>

#include "kernel/cap/lookup.hpp"
#include "kernel/init/init.hpp"
#include "kernel/object/endpoint.hpp"
#include "kernel/object/notification.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/panic.hpp"
#include "kernel/print.hpp"
#include "kernel/report_limit.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/message.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

namespace {

/// The current thread, whose call_… or fault members describe the message, meets a receiver or
/// queues for one.
[[gnu::noinline]] void send(Thread& self, Endpoint& endpoint) {
    Scheduler& sched = scheduler();
    if (endpoint.has_receiver()) {
        Thread& receiver = endpoint.queue.pop_front();
        Reply* reply = std::exchange(receiver.reply, nullptr);
        if (reply != nullptr) reply->receiver = nullptr;
        sched.block_and_hand_over(ThreadState::AwaitingReply, receiver);
        deliver_call(self, receiver, reply);
    } else {
        sched.block_current(ThreadState::Calling);
        self.endpoint = &endpoint;
        endpoint.queue.insert_by_priority(self);
    }
}

/// Answers the caller that `reply` holds and returns it, ready to be woken.
Thread& answer(Thread& self, Reply& reply, abi::MessageInfo info) {
    Thread& caller = *std::exchange(reply.caller, nullptr);
    caller.reply = nullptr;
    if (caller.in_fault) [[unlikely]] {
        caller.in_fault = false;
    } else {
        transfer_message(self, caller, info, true);
    }
    return caller;
}

/// Takes what is there for a receiver: bits of its bound notification first, then a queued call.
[[gnu::noinline]] bool receive_now(Thread& self, Endpoint& endpoint, Reply* reply) {
    if (self.bound != nullptr && self.bound->word != 0) {
        notification_deliver(self, std::exchange(self.bound->word, 0));
        return true;
    }
    if (!endpoint.has_caller()) return false;
    deliver_call(endpoint.queue.pop_front(), self, reply);
    return true;
}

bool can_receive_now(const Thread& self, const Endpoint& endpoint) {
    return (self.bound != nullptr && self.bound->word != 0) || endpoint.has_caller();
}

/// For a thread that is about to be Receiving.
void wait_for_call(Thread& self, Endpoint& endpoint, Reply* reply) {
    self.endpoint = &endpoint;
    self.reply = reply;
    if (reply != nullptr) reply->receiver = &self;
    endpoint.queue.insert_by_priority(self);
}

struct ReceiveArguments {
    Endpoint* endpoint = nullptr;
    Reply* reply = nullptr;  ///< optional
};

Result<ReceiveArguments> decode_receive(Thread& self, std::uint64_t word) {
    ReceiveArguments arguments;
    arguments.endpoint =
        &REDOUBT_TRY(require(self, word, abi::ObjectType::Endpoint, abi::Rights::Read))
             ->as<Endpoint>();
    if (word >> 32 == abi::kNullCapability) return arguments;
    arguments.reply =
        &REDOUBT_TRY(require(self, word >> 32, abi::ObjectType::Reply, abi::Rights::Write))
             ->as<Reply>();
    if (arguments.reply->receiver != nullptr) return abi::Error::InvalidState;
    return arguments;
}

}  // namespace

abi::Error syscall_call(Thread& self, UserContext& context) {
    Capability* capability = find(self, argument(context, 0), abi::ObjectType::Endpoint);
    if (capability == nullptr) [[unlikely]]
        return syscall_call_kernel(self, context);
    const abi::MessageInfo info{argument(context, 1)};
    if (!capability->allows(abi::Rights::Write)) [[unlikely]]
        return abi::Error::MissingRight;
    auto& endpoint = capability->as<Endpoint>();
    if (is_reserved(info) || !is_valid(info)) return abi::Error::InvalidArgument;
    self.call_may_grant = capability->allows(abi::Rights::Grant);
    if (info.capabilities() != 0 && !self.call_may_grant) return abi::Error::MissingRight;
    self.call_badge = capability->badge;
    self.call_info = info;
    send(self, endpoint);
    return kNoStatus;
}

abi::Error syscall_recv(Thread& self, UserContext& context) {
    const ReceiveArguments to = REDOUBT_TRY(decode_receive(self, argument(context, 0)));
    if (to.reply != nullptr && to.reply->caller != nullptr) thread_cancel_call(*to.reply->caller);
    if (!receive_now(self, *to.endpoint, to.reply)) {
        scheduler().block_current(ThreadState::Receiving);
        wait_for_call(self, *to.endpoint, to.reply);
    }
    return kNoStatus;
}

abi::Error syscall_reply(Thread& self, UserContext& context) {
    Capability* capability = REDOUBT_TRY(
        require(self, argument(context, 0), abi::ObjectType::Reply, abi::Rights::Write));
    const abi::MessageInfo info{argument(context, 1)};
    if (!is_valid(info)) return abi::Error::InvalidArgument;
    Reply& reply = capability->as<Reply>();
    if (reply.caller == nullptr) return abi::Error::InvalidState;
    scheduler().wake(answer(self, reply, info));
    return abi::Error::Ok;
}

abi::Error syscall_reply_recv(Thread& self, UserContext& context) {
    const ReceiveArguments to = REDOUBT_TRY(decode_receive(self, argument(context, 0)));
    const abi::MessageInfo info{argument(context, 1)};
    if (!is_valid(info)) [[unlikely]]
        return abi::Error::InvalidArgument;
    Thread* caller = nullptr;
    // The caller may have died meanwhile: then there is only something to receive.
    if (to.reply != nullptr && to.reply->caller != nullptr) [[likely]] {
        caller = &answer(self, *to.reply, info);
    }
    if (can_receive_now(self, *to.endpoint)) {
        receive_now(self, *to.endpoint, to.reply);
        if (caller != nullptr) scheduler().wake(*caller);
        return kNoStatus;
    }
    wait_for_call(self, *to.endpoint, to.reply);
    if (caller != nullptr) [[likely]] {
        scheduler().block_and_hand_over(ThreadState::Receiving, *caller);
    } else {
        scheduler().block_current(ThreadState::Receiving);
    }
    return kNoStatus;
}

void raise_fault(Thread& thread, abi::FaultKind kind, std::uint64_t address,
                 std::uint64_t error_code) {
    const std::uint64_t ip = instruction_pointer(thread.context);
    const Capability& handler = thread.slot(ThreadSlot::FaultEndpoint);
    if (handler.empty()) {
        if (is_init(thread)) {
            panic("init stopped: fault {} at {x}, instruction {x}, error {x}",
                  static_cast<std::uint64_t>(kind), address, ip, error_code);
        }
        if (may_report()) {
            print(
                "thread {x} stopped: fault {} at {x}, instruction {x}, error {x}, and no handler\n",
                reinterpret_cast<std::uint64_t>(&thread), static_cast<std::uint64_t>(kind), address,
                ip, error_code);
        }
        scheduler().take_off(thread);
        return;
    }
    thread.in_fault = true;
    thread.call_badge = handler.badge;
    thread.fault[0] = static_cast<std::uint64_t>(kind);
    thread.fault[1] = address;
    thread.fault[2] = ip;
    thread.fault[3] = error_code;
    send(thread, handler.as<Endpoint>());
}

}  // namespace redoubt::kernel
