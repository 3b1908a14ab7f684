// The shared mapper with the format that a VM's tables have.
#include "kernel/hv/hext/stage2.hpp"

#include "kernel/hv/hext/detect.hpp"

namespace redoubt::kernel::hext {
namespace {

/// Calls `function` with the hv::SecondLevel of the VM's format.
template <class Function>
auto in_format_of(const Vm& vm, Function&& function) {
    switch (vm.table_levels) {
        case 5:
            return function(hv::SecondLevel<GStageFormat<5>>{});
        case 4:
            return function(hv::SecondLevel<GStageFormat<4>>{});
        default:
            return function(hv::SecondLevel<GStageFormat<3>>{});
    }
}

}  // namespace

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
    in_format_of(vm, [&](auto stage2) { stage2.unmap(vm, address, bytes); });
}

bool permits(const Vm& vm, const abi::Exit& exit) {
    return in_format_of(vm, [&](auto stage2) { return stage2.permits(vm, exit); });
}

}  // namespace redoubt::kernel::hext
