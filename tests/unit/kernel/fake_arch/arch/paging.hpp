// Host tests: the active address space is a variable; flushes are counted.
#pragma once

#include "kernel/mm/address.hpp"

namespace redoubt::kernel {

inline PhysicalAddress fake_active_root;
inline unsigned fake_flushes = 0;

inline PhysicalAddress kernel_root() { return PhysicalAddress{}; }
inline void prepare_root(PhysicalAddress) {}
inline void activate(PhysicalAddress root) { fake_active_root = root; }
inline PhysicalAddress active_root() { return fake_active_root; }
inline void flush_page(VirtualAddress) { ++fake_flushes; }
inline void flush_all_user() { ++fake_flushes; }

}  // namespace redoubt::kernel
