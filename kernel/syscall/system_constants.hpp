// What SystemInfo tells that never changes: answered without the kernel lock and without anything
// of the thread but its arguments.
#pragma once

#include <cstdint>
#include <iterator>

#include "abi/object.hpp"

namespace redoubt::kernel {

/// By abi::SystemInfoKind; set before the first system call.
extern "C" std::uint64_t system_constants[4];
static_assert(std::size(system_constants) ==
              static_cast<unsigned>(abi::SystemInfoKind::LockStatistics));

inline void set_system_constant(abi::SystemInfoKind kind, std::uint64_t value) {
    system_constants[static_cast<unsigned>(kind)] = value;
}

}  // namespace redoubt::kernel
