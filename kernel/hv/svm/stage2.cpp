// Changes of a VM's nested page tables. Stale translations go by way of Vm::flush_generation.
#include "kernel/hv/svm/stage2.hpp"

namespace redoubt::kernel::svm {

Result<void> map(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame, std::uint64_t bytes,
                 PageFlags flags) {
    NptMapper mapper{vm.root, vm.pool};
    // What was not present is not cached.
    REDOUBT_TRY(mapper.map(address, frame, bytes, flags)).ignore();
    return {};
}

void unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes) {
    NptMapper mapper{vm.root, vm.pool};
    auto flush = mapper.unmap(address, bytes);
    if (!flush.ok()) return;
    flush.value().apply([&](GuestPhysicalAddress, std::uint64_t) { ++vm.flush_generation; });
}

std::optional<NptMapper::Translation> translate(const Vm& vm, GuestPhysicalAddress address) {
    return NptMapper::translate_at(vm.root, address);
}

}  // namespace redoubt::kernel::svm
