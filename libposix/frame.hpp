// The registers of a reflected system call, as entry.S saves and restores them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::posix {

struct Frame {
    std::uint64_t r15, r14, r13, r12, rbp, rbx;
    std::uint64_t r9, r8, r10, rdx, rsi, rdi;  ///< arguments 5, 4, 3, 2, 1, 0
    std::uint64_t rax;                         ///< the Linux number; then the result
    std::uint64_t rip, rsp;
};
static_assert(sizeof(Frame) == 120);
static_assert(offsetof(Frame, rax) == 96);

}  // namespace redoubt::posix
