// The shared mapper with the format that a VM's tables have.
#include "kernel/hv/hext/stage2.hpp"

#include "kernel/hv/hext/detect.hpp"
#include "kernel/hv/page_rights.hpp"

namespace redoubt::kernel::hext {

unsigned table_levels(unsigned address_bits) {
    for (unsigned levels = kFewestLevels; levels <= kMostLevels; ++levels) {
        const unsigned bits = kPageBits + 9 * levels + 2;  // the root has four times the entries
        if (features().has_levels(levels) && address_bits <= bits) return levels;
    }
    return 0;
}

Result<void> map(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame, std::uint64_t bytes,
                 PageFlags flags) {
    return in_format_of(vm,
                        [&](auto stage2) { return stage2.map(vm, address, frame, bytes, flags); });
}

void unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes) {
    in_format_of(vm, [&]<class Format>(hv::SecondLevel<Format> stage2) {
        hv::PageRights<Format>::forget(vm, address, bytes);
        stage2.unmap(vm, address, bytes);
    });
}

Result<void> protect(Vm& vm, GuestPhysicalAddress page, PageFlags flags,
                     std::uint64_t frame_bytes) {
    return in_format_of(vm, [&]<class Format>(hv::SecondLevel<Format>) {
        return hv::PageRights<Format>::protect(vm, page, flags, frame_bytes);
    });
}

}  // namespace redoubt::kernel::hext
