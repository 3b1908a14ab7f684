// See resources.hpp.
#include "schemes/init/resources.hpp"

namespace redoubt::init {

namespace {

constexpr unsigned kOwnMemoryBits = 17;  // threads, IPC buffers, endpoints and the like

}  // namespace

void Resources::initialize(const abi::BootInfo& boot) {
    boot_ = &boot;
    slots_.initialize(boot.first_free_slot, 1U << (boot.cnode_size_bits - abi::kSlotBits));
    for (const abi::UntypedDescription& untyped : untypeds()) {
        if (untyped.is_device == 0) {
            memory_.add(untyped.slot, untyped.size_bits);
        }
    }
    own_untyped_ = memory_.allocate(kOwnMemoryBits);
}

native::Slot Resources::make_object(abi::ObjectType type) { return make_own(type, 0); }

native::Slot Resources::make_own(abi::ObjectType type, unsigned size_bits) {
    const native::Slot slot = slots_.allocate();
    if (slot == 0 || own_untyped_ == 0 ||
        !native::ok(native::retype(own_untyped_, type, size_bits, slot))) {
        return 0;
    }
    return slot;
}

}  // namespace redoubt::init
