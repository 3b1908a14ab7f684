// AddressSpace: a root table, and the pool from which its page tables come. Frames are mapped into
// it.
#pragma once

#include "abi/object.hpp"
#include "arch/page_format.hpp"
#include "kernel/mm/frame_allocator.hpp"
#include "kernel/mm/mapper.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/result.hpp"

namespace redoubt::kernel {

/// Lives in the first page of its memory; all the other pages are the pool.
struct AddressSpace : SpaceObject {
    AddressSpace(PhysicalAddress memory, unsigned size_bits);

    PhysicalAddress root;
    PhysicalAddress user_tables;  ///< what UserPageFormat describes: the root, or a table below it
    FramePool pool;
};

Result<void> address_space_map(AddressSpace& space, VirtualAddress address, PhysicalAddress frame,
                               std::uint64_t bytes, PageFlags flags);
/// Only for ranges that address_space_map mapped: it cannot fail then.
void address_space_unmap(AddressSpace& space, VirtualAddress address, std::uint64_t bytes);
void address_space_destroy(AddressSpace& space);

}  // namespace redoubt::kernel
