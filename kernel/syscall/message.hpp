// Messages on their way from one thread to another.
#pragma once

#include "abi/ipc.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

/// Nothing but what travels in registers: the common case.
inline bool is_short(abi::MessageInfo info) { return info.raw >> 32 <= abi::kRegisterWords; }

/// May this info word be sent?
inline bool is_valid(abi::MessageInfo info) {
    return is_short(info) ||
           (info.words() <= abi::kMaximumWords && info.capabilities() <= abi::kMaximumCapabilities);
}

/// Labels that only the kernel uses: a receiver must be able to trust them.
inline bool is_reserved(abi::MessageInfo info) { return info.label() >= abi::kFaultLabel; }

/// What does not travel in registers. The result describes what was transferred.
abi::MessageInfo transfer_rest(Thread& sender, Thread& receiver, abi::MessageInfo info,
                               bool may_grant);

/// Copies the payload from the sender's registers, buffer and slots to the receiver's, sets the
/// receiver's info register and status. The receiver's badge register is not touched.
inline void transfer_message(Thread& sender, Thread& receiver, abi::MessageInfo info,
                             bool may_grant) {
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) {
        set_message_register(receiver.context, i, message_register(sender.context, i));
    }
    if (!is_short(info)) [[unlikely]]
        info = transfer_rest(sender, receiver, info, may_grant);
    set_result(receiver.context, 1, info.raw);
    set_status(receiver.context, abi::Error::Ok);
}

/// Gives the message (or fault) of `caller`, which is in no queue, to `receiver`, and parks the
/// caller in the reply object. Without one it is told Cancelled at once (after a fault: it stays
/// stopped).
void deliver_call(Thread& caller, Thread& receiver, Reply* reply);

}  // namespace redoubt::kernel
