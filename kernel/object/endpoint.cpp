// The end of an endpoint: everybody in its queue gets Cancelled.
#include "kernel/object/endpoint.hpp"

namespace redoubt::kernel {

void endpoint_destroy(Endpoint& endpoint) {
    while (!endpoint.queue.empty()) thread_cancel_call(*endpoint.queue.front());
}

}  // namespace redoubt::kernel
