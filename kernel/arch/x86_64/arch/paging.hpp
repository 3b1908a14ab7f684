// The kernel's half of every address space, and the processor's address-space register.
#pragma once

#include "arch/cpu.hpp"
#include "arch/msr.hpp"
#include "arch/page_format.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel {

/// Where the image's bytes are.
constexpr PhysicalAddress image_physical(std::uint64_t address) {
    constexpr std::uint64_t kImageBase = 0xFFFF'FFFF'8000'0000;
    return PhysicalAddress{address - kImageBase};
}

/// What a processor needs before it can use the kernel's tables.
void paging_initialize_processor();

/// A root table with only the kernel's half.
PhysicalAddress kernel_root();
/// Copies the kernel's half into a new root table. Gives the table that UserPageFormat describes.
PhysicalAddress prepare_root(PhysicalAddress root, FrameAllocator& allocator);

/// Calls `function` with the format of the kernel's half.
template <class Function>
auto in_kernel_format(Function&& function) {
    return function(KernelPageFormat{});
}
/// The root is it.
inline PhysicalAddress make_user_tables(PhysicalAddress root, FrameAllocator&) { return root; }

/// The kernel's half of a root table: a user mapper must neither touch nor free these entries.
inline constexpr unsigned kFirstKernelRootEntry = 256;

/// Makes `root` the active address space unless it is already.
inline void activate(PerCpu& cpu, PhysicalAddress root) {
    if (cpu.root == root) return;
    cpu.root = root;
    write_cr3(root.value());
}
inline void activate(PhysicalAddress root) { activate(this_cpu(), root); }
/// Forgets one translation of the active address space.
inline void flush_page(VirtualAddress address) {
    asm volatile("invlpg (%0)" : : "r"(address.value()) : "memory");
}
/// Forgets every user translation on this processor.
inline void flush_all_user() { write_cr3(read_cr3()); }

/// Processors notice themselves that code was written (APM vol. 2, 7.6.1).
inline void publish_code() {}

/// Maps one page of device registers for the kernel's own use (during boot only).
void* map_device_page(PhysicalAddress address);

}  // namespace redoubt::kernel
