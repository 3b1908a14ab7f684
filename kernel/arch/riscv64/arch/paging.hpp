// The kernel's half of every address space, and the processor's address-space register.
#pragma once

#include "arch/cpu.hpp"
#include "arch/csr.hpp"
#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

/// How far below its address the image was loaded; set by boot.S.
extern "C" const std::uint64_t image_offset;

/// Where the image's bytes are.
inline PhysicalAddress image_physical(std::uint64_t address) {
    return PhysicalAddress{address - image_offset};
}

/// A root table with only the kernel's half.
PhysicalAddress kernel_root();
/// Copies the kernel's half into a new root table, whose user half stays as it is.
void prepare_root(PhysicalAddress root);

/// The kernel's half of a root table: a user mapper must neither touch nor free these entries.
inline constexpr unsigned kFirstKernelRootEntry = 256;

/// Forgets every user translation on this processor. There is one address space identifier.
inline void flush_all_user() { asm volatile("sfence.vma zero, %0" : : "r"(0) : "memory"); }

/// Makes `root` the active address space unless it is already.
inline void activate(PerCpu& cpu, PhysicalAddress root) {
    constexpr std::uint64_t kSv48 = 9ULL << 60;
    if (cpu.root == root) return;
    cpu.root = root;
    REDOUBT_WRITE_CSR("satp", kSv48 | root.value() >> kPageBits);
    flush_all_user();
}
inline void activate(PhysicalAddress root) { activate(this_cpu(), root); }
/// Forgets one translation of the active address space.
inline void flush_page(VirtualAddress address) {
    asm volatile("sfence.vma %0" : : "r"(address.value()) : "memory");
}

/// Maps one page of device registers for the kernel's own use (during boot only).
void* map_device_page(PhysicalAddress address);

}  // namespace redoubt::kernel
