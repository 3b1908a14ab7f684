// The registers of a reflected system call, as entry.S saves and restores them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::posix {

#if defined(__riscv)
/// x0's place is the program counter's.
struct Frame {
    std::uint64_t pc;
    std::uint64_t ra, sp, gp, tp, t0, t1, t2, s0, s1;
    std::uint64_t a0, a1, a2, a3, a4, a5, a6;  ///< arguments; a0 also the result
    std::uint64_t number;                      ///< a7
    std::uint64_t s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6;

    void set_result(std::uint64_t value) { a0 = value; }
};
static_assert(sizeof(Frame) == 256);
static_assert(offsetof(Frame, number) == 17 * 8);
#else
struct Frame {
    std::uint64_t r15, r14, r13, r12, rbp, rbx;
    std::uint64_t a5, a4, a3, a2, a1, a0;  ///< arguments: r9 r8 r10 rdx rsi rdi
    std::uint64_t number;                  ///< rax: the Linux number; then the result
    std::uint64_t pc, sp;

    void set_result(std::uint64_t value) { number = value; }
};
static_assert(sizeof(Frame) == 120);
static_assert(offsetof(Frame, number) == 96);
#endif

}  // namespace redoubt::posix
