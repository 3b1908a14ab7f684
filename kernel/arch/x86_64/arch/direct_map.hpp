// Where the kernel's window on physical memory begins.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

inline constexpr std::uintptr_t direct_map_base = 0xFFFF'8000'0000'0000;

}  // namespace redoubt::kernel
