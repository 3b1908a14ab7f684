// A virtual machine: its guest-physical memory and its vCPUs.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/hv/doorbell.hpp"
#include "kernel/mm/frame_allocator.hpp"
#include "kernel/object/ending.hpp"
#include "kernel/object/object.hpp"

namespace redoubt::kernel {

struct Vcpu;

/// Lives in the first page of its memory; the last ones are the root of the second-level tables
/// (aligned to its size, whatever the format has), all the others are the pool of those tables.
struct Vm : SpaceObject {
    Vm(PhysicalAddress memory, unsigned object_size_bits, unsigned root_pages, unsigned levels);

    PhysicalAddress root;
    unsigned table_levels;
    FramePool pool;
    std::uint32_t id = 0;
    bool destroyed = false;   ///< by VmCall::Destroy, or because its last capability went
    std::uint64_t owner = 0;  ///< badge of the HvFile it was made through
    std::uint64_t mapped_bytes = 0;
    /// Grows whenever translations went; a vCPU that has seen an older one must not use cached
    /// ones.
    std::atomic<std::uint64_t> flush_generation = 0;
    /// Grows, after that one, whenever translations came or went.
    std::atomic<std::uint64_t> generation = 0;
    Vcpu* first_vcpu = nullptr;
    Vm* next_vm = nullptr;     ///< registry of all VMs
    Vm** link = nullptr;       ///< what points to it there
    unsigned split_pages = 0;  ///< large leaves in pieces for pages with other rights
    hv::DoorbellTable doorbells;
};

namespace hv {

/// creating: no vCPU yet. stopped: none ever ran. running: a run is in progress. paused: none is.
/// destroying.
const char* vm_state(const Vm& vm);

/// Adds a VM that was just constructed to the registry and gives it its id.
void vm_register(Vm& vm, std::uint64_t owner);
Vm* first_vm();
/// A step towards the end of the VM: runs return Cancelled, nothing is mapped any more. The object
/// stays, as a husk. False if the budget did not suffice.
bool vm_destroy_some(Vm& vm, Budget& budget, DyingObjects& dying);

}  // namespace hv
}  // namespace redoubt::kernel
