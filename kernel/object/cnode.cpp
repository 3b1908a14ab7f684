// The end of a CNode: every capability in it is deleted.
#include "kernel/object/cnode.hpp"

#include "kernel/cap/derivation.hpp"

namespace redoubt::kernel {

bool cnode_end(CNode& cnode, Budget& budget, DyingObjects& dying) {
    for (; cnode.ended_slots < cnode.slot_count; ++cnode.ended_slots) {
        Capability& capability = *cnode.slot(cnode.ended_slots);
        if (!budget.spend(capability.empty() ? Budget::kSlot : deletion_cost(capability)))
            return false;
        if (!capability.empty()) delete_capability(capability, dying);
    }
    return true;
}

}  // namespace redoubt::kernel
