// Frames: mapping, and the list of frames mapped in a space.
#include "kernel/object/frame.hpp"

#include "kernel/hv/backend.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/ending.hpp"

namespace redoubt::kernel {

namespace {

constexpr abi::Rights kAccess = abi::Rights::Read | abi::Rights::Write | abi::Rights::Execute;
/// What a table of the lowest level maps, in every format.
constexpr std::uint64_t kLargePageSize = 2 << 20;

void list_mapping(Capability& frame, SpaceObject& space, std::uint64_t address) {
    frame.space = &space;
    frame.badge = address;
    frame.previous_mapping = nullptr;
    frame.next_mapping = space.mappings;
    if (space.mappings != nullptr) space.mappings->previous_mapping = &frame;
    space.mappings = &frame;
}

void forget_mapping(Capability& frame) {
    (frame.previous_mapping != nullptr ? frame.previous_mapping->next_mapping
                                       : frame.space->mappings) = frame.next_mapping;
    if (frame.next_mapping != nullptr) {
        frame.next_mapping->previous_mapping = frame.previous_mapping;
    }
    frame.space = nullptr;
    frame.badge = 0;
    frame.previous_mapping = nullptr;
    frame.next_mapping = nullptr;
}

/// The flags checked against the frame's rights and kind.
[[gnu::always_inline]] inline Result<PageFlags> page_flags(const Capability& frame,
                                                           abi::MapFlags wanted) {
    const PageFlags flags{wanted};
    // The accesses and the rights to them have the same bits.
    if (!frame.allows(static_cast<abi::Rights>(wanted) & kAccess)) return abi::Error::MissingRight;
    const bool special = flags.is_uncached() || flags.is_write_combining();
    if (special != frame.has(Capability::kDevice) ||
        (flags.is_uncached() && flags.is_write_combining())) {
        return abi::Error::InvalidArgument;
    }
    return flags;
}

}  // namespace

Result<void> frame_map(Capability& frame, const Capability& space, std::uint64_t address,
                       abi::MapFlags wanted) {
    if (frame.space != nullptr) return abi::Error::AlreadyMapped;
    if (!has(wanted, abi::MapFlags::Read)) return abi::Error::InvalidArgument;
    const PageFlags flags = REDOUBT_TRY(page_flags(frame, wanted));
    const std::uint64_t bytes = std::uint64_t{1} << frame.size_bits;
    // Large pages map large frames, so that 512 entries are the most that anything has to change.
    if (bytes >= kLargePageSize && address % kLargePageSize != 0)
        return abi::Error::InvalidArgument;
    const PhysicalAddress physical{frame.object};
    if (space.is(abi::ObjectType::Vm)) {
        REDOUBT_TRY(hv::vm_map_frame(space.as<Vm>(), GuestPhysicalAddress{address}, physical, bytes,
                                     flags));
        list_mapping(frame, space.as<SpaceObject>(), address);
        frame.flags |= Capability::kMappedInVm;
    } else {
        if (flags.is_writable() && flags.is_executable()) return abi::Error::InvalidArgument;
        auto& target = space.as<AddressSpace>();
        REDOUBT_TRY(
            address_space_map(target, VirtualAddress{address}, physical, bytes, flags.user()));
        list_mapping(frame, target, address);
        frame.flags &= ~Capability::kMappedInVm;
    }
    return {};
}

Result<void> frame_protect(const Capability& frame, Vm& vm, std::uint64_t offset,
                           abi::MapFlags wanted) {
    if (!frame.is(abi::ObjectType::Frame)) return abi::Error::InvalidCapability;
    if ((static_cast<std::uint64_t>(wanted) & ~kAllMapFlags) != 0)
        return abi::Error::InvalidArgument;
    const PageFlags flags = REDOUBT_TRY(page_flags(frame, wanted));
    if (frame.space != &vm) return abi::Error::NotMapped;
    const std::uint64_t bytes = std::uint64_t{1} << frame.size_bits;
    if (offset >= bytes || (offset & kPageMask) != 0) return abi::Error::InvalidArgument;
    return hv::backend->protect(vm, GuestPhysicalAddress{frame.badge + offset}, flags, bytes);
}

unsigned mapping_entries(const Capability& frame) {
    if (frame.space == nullptr) return 0;
    const std::uint64_t bytes = std::uint64_t{1} << frame.size_bits;
    return static_cast<unsigned>(bytes / (bytes >= kLargePageSize ? kLargePageSize : kPageSize));
}

void frame_unmap(Capability& frame) {
    if (frame.space == nullptr) return;
    const std::uint64_t bytes = std::uint64_t{1} << frame.size_bits;
    if (frame.has(Capability::kMappedInVm)) {
        hv::vm_unmap(reinterpret_cast<Vm&>(*frame.space), GuestPhysicalAddress{frame.badge}, bytes);
    } else {
        address_space_unmap(static_cast<AddressSpace&>(*frame.space), VirtualAddress{frame.badge},
                            bytes);
    }
    forget_mapping(frame);
}

bool forget_mappings(SpaceObject& space, Budget& budget) {
    while (space.mappings != nullptr) {
        if (!budget.spend(Budget::kMapping)) return false;
        forget_mapping(*space.mappings);
    }
    return true;
}

}  // namespace redoubt::kernel
