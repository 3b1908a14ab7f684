// The kernel's half of every address space, and the processor's address-space register.
#pragma once

#include "arch/cpu.hpp"
#include "arch/csr.hpp"
#include "arch/page_format.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel {

/// How far below its address the image was loaded; set by boot.S.
extern "C" const std::uint64_t image_offset;

/// Where the image's bytes are.
inline PhysicalAddress image_physical(std::uint64_t address) {
    return PhysicalAddress{address - image_offset};
}

/// A root table with only the kernel's half.
PhysicalAddress kernel_root();
/// Copies the kernel's half into a new root table. Gives the table that UserPageFormat describes.
PhysicalAddress prepare_root(PhysicalAddress root, FrameAllocator& allocator);

/// The mode field of satp (4.1.11), and how many levels tables have with it.
extern std::uint64_t satp_mode;
inline unsigned paging_levels() { return static_cast<unsigned>(satp_mode >> 60) - 5; }
constexpr std::uint64_t satp_mode_of(unsigned levels) { return (levels + 5ULL) << 60; }
/// Tells the mode that the processor is in, before anything uses the direct map.
void paging_initialize(unsigned levels);

/// Calls `function` with the format of the kernel's half.
template <class Function>
auto in_kernel_format(Function&& function) {
    switch (paging_levels()) {
        case 5:
            return function(KernelPageFormatOf<5>{});
        case 4:
            return function(KernelPageFormatOf<4>{});
        default:
            return function(KernelPageFormatOf<3>{});
    }
}
inline PhysicalAddress make_user_tables(PhysicalAddress root, FrameAllocator& allocator) {
    return make_user_tables(root, paging_levels(), allocator);
}

/// The kernel's half of a root table: a user mapper must neither touch nor free these entries.
inline constexpr unsigned kFirstKernelRootEntry = 256;

/// Forgets every user translation on this processor. There is one address space identifier.
inline void flush_all_user() { asm volatile("sfence.vma zero, %0" : : "r"(0) : "memory"); }

inline std::uint64_t satp_of(PhysicalAddress root) { return satp_mode | root.value() >> kPageBits; }

/// Makes `root` the active address space unless it is already.
inline void activate(PerCpu& cpu, PhysicalAddress root) {
    if (cpu.root == root) return;
    cpu.root = root;
    REDOUBT_WRITE_CSR("satp", satp_of(root));
    flush_all_user();
}
inline void activate(PhysicalAddress root) { activate(this_cpu(), root); }
/// Forgets one translation of the active address space.
inline void flush_page(VirtualAddress address) {
    asm volatile("sfence.vma %0" : : "r"(address.value()) : "memory");
}

/// What was written is what all harts execute from now on (Zifencei).
inline void publish_code() {
    asm volatile("fence.i" : : : "memory");
    if (cpu_count() > 1) sbi_call(kSbiFence, 0, 0, ~std::uint64_t{0});
}

/// Maps one page of device registers for the kernel's own use (during boot only).
void* map_device_page(PhysicalAddress address);

}  // namespace redoubt::kernel
