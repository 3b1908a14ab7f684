// What SystemInfo tells that never changes: answered without the kernel lock and without anything
// of the thread but its arguments.
#pragma once

#include <cstdint>
#include <iterator>

#include "abi/object.hpp"
#include "arch/context.hpp"

namespace redoubt::kernel {

/// By abi::SystemInfoKind; set before the first system call.
inline constinit std::uint64_t
    system_constants[static_cast<unsigned>(abi::SystemInfoKind::LockStatistics)]{};

inline void set_system_constant(abi::SystemInfoKind kind, std::uint64_t value) {
    system_constants[static_cast<unsigned>(kind)] = value;
}

/// False if something else was asked for.
inline bool answer_from_constants(UserContext& context) {
    const auto kind = static_cast<std::uint32_t>(argument(context, 0));
    if (kind >= std::size(system_constants)) [[unlikely]]
        return false;
    set_result(context, 1, system_constants[kind]);
    set_status(context, abi::Error::Ok);
    return true;
}

}  // namespace redoubt::kernel
