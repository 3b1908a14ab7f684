// Messages on their way from one thread to another.
#pragma once

#include "abi/ipc.hpp"
#include "kernel/object/reply.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

/// May this info word be sent?
inline bool is_valid(abi::MessageInfo info) {
    return info.words() <= abi::kMaximumWords && info.capabilities() <= abi::kMaximumCapabilities;
}

/// Copies the payload from the sender's registers, buffer and slots to the receiver's, sets the receiver's info
/// register and status. The receiver's badge register is not touched.
void transfer_message(Thread& sender, Thread& receiver, abi::MessageInfo info, bool may_grant);

/// Gives the message (or fault) of `caller`, which is in no queue, to `receiver`, and parks the caller in the reply
/// object. Without one it is told Cancelled at once (after a fault: it stays stopped).
void deliver_call(Thread& caller, Thread& receiver, Reply* reply);

}  // namespace redoubt::kernel
