// Host tests: the active address space is a variable; flushes are counted.
#pragma once

#include "arch/cpu.hpp"
#include "kernel/mm/address.hpp"
#include "kernel/mm/frame_allocator.hpp"

namespace redoubt::kernel {

inline unsigned fake_flushes = 0;

inline PhysicalAddress kernel_root() { return PhysicalAddress{}; }
inline PhysicalAddress prepare_root(PhysicalAddress root, FrameAllocator&) { return root; }
inline void activate(PhysicalAddress root) { this_cpu().root = root; }
inline void flush_page(VirtualAddress) { ++fake_flushes; }
inline void flush_all_user() { ++fake_flushes; }
inline void publish_code() {}

}  // namespace redoubt::kernel
