// The end of a reply object: its caller will not be answered, its receiver cannot receive.
#include "kernel/object/reply.hpp"

namespace redoubt::kernel {

void reply_destroy(Reply& reply) {
    if (reply.caller != nullptr) thread_cancel_call(*reply.caller);
    if (reply.receiver != nullptr) thread_cancel_call(*reply.receiver);
}

}  // namespace redoubt::kernel
