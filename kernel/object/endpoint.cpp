// The end of an endpoint: everybody in its queue gets Cancelled.
#include "kernel/object/endpoint.hpp"

namespace redoubt::kernel {

bool endpoint_end(Endpoint& endpoint, Budget& budget) {
    while (!endpoint.queue.empty()) {
        if (!budget.spend(Budget::kDeletion)) return false;
        thread_cancel_call(*endpoint.queue.front());
    }
    return true;
}

}  // namespace redoubt::kernel
