// Messages on their way from one thread to another.
#include "kernel/syscall/message.hpp"

#include "kernel/cap/derivation.hpp"
#include "kernel/object/cnode.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

namespace {

/// IPC buffers may change under our eyes: whatever is checked must be read once.
template <class T>
T read_once(const T& value) {
    return *static_cast<const volatile T*>(&value);
}

unsigned transfer_capabilities(Thread& sender, Thread& receiver, unsigned count) {
    const std::uint64_t first = read_once(receiver.ipc_buffer->receive_first);
    const std::uint64_t room = read_once(receiver.ipc_buffer->receive_count);
    unsigned done = 0;
    for (; done < count && done < room; ++done) {
        Capability* source = sender.cnode->slot(read_once(sender.ipc_buffer->send[done]));
        Capability* destination = receiver.cnode->slot(first + done);
        if (source == nullptr || source->empty() || !can_copy(*source).ok()) break;
        if (destination == nullptr || !destination->empty()) break;
        copy_capability(*source, *destination, abi::Rights::All, 0);
    }
    return done;
}

void deliver_fault(const Thread& caller, Thread& receiver) {
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) {
        set_message_register(receiver.context, i, caller.fault[i]);
    }
    set_result(receiver.context, 1, abi::MessageInfo{abi::kFaultLabel, abi::kRegisterWords}.raw);
    set_status(receiver.context, abi::Error::Ok);
}

}  // namespace

abi::MessageInfo transfer_rest(Thread& sender, Thread& receiver, abi::MessageInfo info,
                               bool may_grant) {
    if (info.words() > abi::kRegisterWords) {
        __builtin_memcpy(&receiver.ipc_buffer->words[abi::kRegisterWords],
                         &sender.ipc_buffer->words[abi::kRegisterWords],
                         (info.words() - abi::kRegisterWords) * sizeof(std::uint64_t));
    }
    const unsigned sent =
        may_grant ? transfer_capabilities(sender, receiver, info.capabilities()) : 0;
    return abi::MessageInfo{info.label(), info.words(), sent};
}

void deliver_call(Thread& caller, Thread& receiver, Reply* reply) {
    set_result(receiver.context, 0, caller.call_badge);
    if (caller.in_fault) [[unlikely]] {
        deliver_fault(caller, receiver);
    } else {
        transfer_message(caller, receiver, caller.call_info, caller.call_may_grant);
    }
    caller.state = ThreadState::AwaitingReply;
    caller.reply = reply;
    if (reply != nullptr) [[likely]] {
        reply->caller = &caller;
    } else {
        thread_cancel_call(caller);
    }
}

}  // namespace redoubt::kernel
