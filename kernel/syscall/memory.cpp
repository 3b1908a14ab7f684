// Map and Unmap.
#include "kernel/cap/lookup.hpp"
#include "kernel/object/frame.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

abi::Error syscall_map(Thread& self, UserContext& context) {
    Capability* frame = find(self, argument(context, 0), abi::ObjectType::Frame);
    if (frame == nullptr) return abi::Error::InvalidCapability;
    Capability* space = REDOUBT_TRY(find_any(self, argument(context, 1)));
    if (!space->is(abi::ObjectType::AddressSpace) && !space->is(abi::ObjectType::Vm)) {
        return abi::Error::InvalidCapability;
    }
    if (!space->allows(abi::Rights::Manage)) return abi::Error::MissingRight;
    const std::uint64_t flags = argument(context, 3);
    if ((flags & ~kAllMapFlags) != 0) return abi::Error::InvalidArgument;
    return frame_map(*frame, *space, argument(context, 2), static_cast<abi::MapFlags>(flags))
        .error();
}

abi::Error syscall_unmap(Thread& self, UserContext& context) {
    Capability* frame = find(self, argument(context, 0), abi::ObjectType::Frame);
    if (frame == nullptr) return abi::Error::InvalidCapability;
    if (frame->space == nullptr) return abi::Error::NotMapped;
    frame_unmap(*frame);
    return abi::Error::Ok;
}

}  // namespace redoubt::kernel
