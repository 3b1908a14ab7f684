// AddressSpace: construction, mapping and the end of it.
#include "kernel/object/address_space.hpp"

#include "arch/context.hpp"
#include "arch/paging.hpp"
#include "kernel/sched/remote.hpp"

namespace redoubt::kernel {

namespace {

constexpr std::size_t pool_frames(unsigned size_bits) {
    return (std::size_t{1} << (size_bits - kPageBits)) - 1;
}

PageMapper<UserPageFormat> mapper(AddressSpace& space) {
    return PageMapper<UserPageFormat>{space.user_tables, space.pool};
}

}  // namespace

AddressSpace::AddressSpace(PhysicalAddress memory, unsigned object_size_bits)
    : SpaceObject{abi::ObjectType::AddressSpace},
      pool{memory + kPageSize, pool_frames(object_size_bits)} {
    // The smallest object has three frames, as many as the deepest tables need here.
    root = pool.allocate_zeroed().value();
    user_tables = prepare_root(root, pool);
}

Result<void> address_space_map(AddressSpace& space, VirtualAddress address, PhysicalAddress frame,
                               std::uint64_t bytes, PageFlags flags) {
    if (address.value() >= kUserAddressEnd || bytes > kUserAddressEnd - address.value()) {
        return abi::Error::InvalidArgument;
    }
    const auto flush = mapper(space).map(address, frame, bytes, flags);
    if (!flush.ok()) {
        // What was mapped before the pool ran dry may have been walked speculatively.
        if (flush.error() == abi::Error::NoMemory) flush_translations(space.root, address, bytes);
        return flush.error();
    }
    flush.value().ignore();  // nothing was mapped there before
    if (flags.is_executable()) publish_code();
    return {};
}

void address_space_unmap(AddressSpace& space, VirtualAddress address, std::uint64_t bytes) {
    const auto result = mapper(space).unmap(address, bytes);
    if (!result.ok()) return;
    result.value().apply([&](VirtualAddress first, std::uint64_t length) {
        flush_translations(space.root, first, length);
    });
}

void address_space_destroy(AddressSpace& space) { leave_address_space(space.root); }

}  // namespace redoubt::kernel
