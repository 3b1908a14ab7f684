// Where the kernel's window on physical memory begins, which depends on the paging mode.
#pragma once

#include <cstdint>

namespace redoubt::kernel {

/// With Sv39 and until the mode is chosen: the upper half but for its last 2 GiB, the image's.
inline constexpr std::uintptr_t kDirectMapStart39 = 0xFFFF'FFC0'0000'0000;
/// With Sv48 and Sv57; where boot's tables, made for Sv39, can be seen a second time.
inline constexpr std::uintptr_t kDirectMapStart = 0xFFFF'8040'0000'0000;

/// Changes once, in paging_initialize(); until boot's tables go, both are there. It is read like a
/// constant, which the compiler need not read again behind every store.
inline constexpr struct {
    operator std::uintptr_t() const {
        std::uintptr_t start;
        asm inline("ld %0, direct_map_start" : "=r"(start));
        return start;
    }
} direct_map_base;

}  // namespace redoubt::kernel
