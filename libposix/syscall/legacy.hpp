// Where architectures differ in what programs may ask of Linux: the machine's name, the order of
// clone's arguments, and system calls that only older ones have.
#pragma once

#include <cstdint>

#include "libposix/frame.hpp"

namespace redoubt::posix {

#if defined(__riscv)
inline constexpr char kMachineName[] = "riscv64";
#else
inline constexpr char kMachineName[] = "x86_64";
#endif

/// clone's fourth and fifth argument.
struct CloneArguments {
    explicit CloneArguments(const Frame& f)
#if defined(__riscv)
        : child_tid{f.a4},
          tls{f.a3} {}
#else
        : child_tid{f.a3}, tls{f.a4} {
    }
#endif

          std::uint64_t child_tid,
          tls;
};

/// False if it is none of them. With the process's lock.
bool legacy_call(const Frame& f, long& result);

}  // namespace redoubt::posix
