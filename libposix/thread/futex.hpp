// Linux's futex, within one process.
#pragma once

#include <cstdint>

namespace redoubt::posix {

/// The system call. The process's lock must be held; it is given up while waiting.
long futex(const std::uint32_t* address, int operation, std::uint32_t value, std::uint64_t timeout,
           const std::uint32_t* address2, std::uint32_t value3);

/// Wakes up to `count` waiters whose bits intersect; how many.
long futex_wake(const std::uint32_t* address, std::uint32_t count, std::uint32_t bits);

}  // namespace redoubt::posix
