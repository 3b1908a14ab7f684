// What travels in registers with a native system call.
#pragma once

#include <cstdint>

namespace redoubt::native {

/// Argument registers of a call, in order; results come back in the same places.
struct Registers {
    std::uint64_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0;
};

}  // namespace redoubt::native
