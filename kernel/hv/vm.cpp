// VMs: registry, guest memory, and their end.
#include "kernel/hv/vm.hpp"

#include "kernel/hv/backend.hpp"
#include "kernel/hv/hv.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/sched/remote.hpp"

namespace redoubt::kernel {

Vm::Vm(PhysicalAddress memory, unsigned object_size_bits, unsigned root_pages, unsigned levels)
    : SpaceObject{abi::ObjectType::Vm},
      root{memory + (std::uint64_t{1} << object_size_bits) - root_pages * kPageSize},
      table_levels{levels},
      pool{memory + kPageSize,
           (std::size_t{1} << (object_size_bits - kPageBits)) - 1 - root_pages} {
    static_assert(sizeof(Vm) <= kPageSize);
}

namespace hv {
namespace {

Vm* registry = nullptr;
std::uint32_t last_id = 0;

}  // namespace

Vm* first_vm() { return registry; }

void vm_register(Vm& vm, std::uint64_t owner) {
    vm.id = ++last_id;
    vm.owner = owner;
    vm.next_vm = registry;
    vm.link = &registry;
    if (registry != nullptr) registry->link = &vm.next_vm;
    registry = &vm;
}

const char* vm_state(const Vm& vm) {
    if (vm.destroyed) return "destroying";
    if (vm.first_vcpu == nullptr) return "creating";
    bool ever_ran = false;
    for (const Vcpu* vcpu = vm.first_vcpu; vcpu != nullptr; vcpu = vcpu->next_vcpu) {
        if (vcpu->runner != nullptr) return "running";
        ever_ran |= vcpu->ever_ran;
    }
    return ever_ran ? "paused" : "stopped";
}

Result<void> vm_map_frame(Vm& vm, GuestPhysicalAddress address, PhysicalAddress frame,
                          std::uint64_t bytes, PageFlags flags) {
    if (vm.destroyed) return abi::Error::InvalidState;
    REDOUBT_TRY(backend->map(vm, address, frame, bytes, flags));
    ++vm.generation;
    vm.mapped_bytes += bytes;
    return {};
}

void vm_flush(Vm& vm) {
    ++vm.generation;
    // Guests find out before they are entered again.
    ProcessorMask inside = 0;
    for (const Vcpu* vcpu = vm.first_vcpu; vcpu != nullptr; vcpu = vcpu->next_vcpu) {
        if (vcpu->runner != nullptr && runs_elsewhere(*vcpu->runner))
            inside |= processor_bit(vcpu->runner->processor);
    }
    flush_guests(inside);
}

void vm_unmap(Vm& vm, GuestPhysicalAddress address, std::uint64_t bytes) {
    backend->unmap(vm, address, bytes);
    vm_flush(vm);
    vm.mapped_bytes -= bytes;
}

bool vm_destroy_some(Vm& vm, Budget& budget, DyingObjects& dying) {
    vm.destroyed = true;
    while (vm.first_vcpu != nullptr) {
        if (!budget.spend(Budget::kDeletion)) return false;
        vcpu_detach(*vm.first_vcpu);
    }
    // Nobody looks at its tables any more. They go with the memory of the object.
    if (!forget_mappings(vm, budget)) return false;
    vm.mapped_bytes = 0;
    // In one step, the last one: `dying` need not outlive any other.
    if (vm.doorbells.empty()) return true;
    if (!budget.spend(abi::hv::kMaximumDoorbells * Budget::kDeletion)) return false;
    vm.doorbells.unbind_all(dying);
    return true;
}

bool vm_end_some(Vm& vm, Budget& budget, DyingObjects& dying) {
    if (vm.link != nullptr) {
        *vm.link = vm.next_vm;
        if (vm.next_vm != nullptr) vm.next_vm->link = vm.link;
        vm.link = nullptr;
    }
    return vm_destroy_some(vm, budget, dying);
}

}  // namespace hv
}  // namespace redoubt::kernel
