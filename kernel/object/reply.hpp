// Reply: holds the caller that a receiver has to answer.
#pragma once

#include "kernel/object/object.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

struct Reply : ObjectHeader {
    Reply() : ObjectHeader{abi::ObjectType::Reply} {}

    Thread* caller = nullptr;    ///< AwaitingReply
    Thread* receiver = nullptr;  ///< Receiving, and naming this object
};

void reply_destroy(Reply& reply);

}  // namespace redoubt::kernel
