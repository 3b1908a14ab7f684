// The end of a CNode: every capability in it is deleted.
#include "kernel/object/cnode.hpp"

#include "kernel/cap/derivation.hpp"

namespace redoubt::kernel {

void cnode_destroy(CNode& cnode, Reaper& reaper) {
    for (std::uint32_t index = 1; index < cnode.slot_count; ++index) {
        Capability& capability = *cnode.slot(index);
        if (!capability.empty()) delete_capability(capability, reaper);
    }
}

}  // namespace redoubt::kernel
