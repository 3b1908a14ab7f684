// How a native system call is made, for libhvcall/native/syscall.hpp.
#pragma once

#include "abi/error.hpp"
#include "abi/ipc.hpp"
#include "abi/syscall.hpp"
#include "libhvcall/native/registers.hpp"

namespace redoubt::native {

[[gnu::always_inline]] inline abi::Error invoke(abi::SyscallNumber number, Registers& registers) {
    std::uint64_t rax = static_cast<std::uint64_t>(number);
    register std::uint64_t r10 asm("r10") = registers.a3;
    register std::uint64_t r8 asm("r8") = registers.a4;
    register std::uint64_t r9 asm("r9") = registers.a5;
    asm volatile("syscall"
                 : "+a"(rax), "+D"(registers.a0), "+S"(registers.a1), "+d"(registers.a2), "+r"(r10),
                   "+r"(r8), "+r"(r9)
                 :
                 : "rcx", "r11", "memory");
    registers.a3 = r10;
    registers.a4 = r8;
    registers.a5 = r9;
    return static_cast<abi::Error>(rax);
}

/// One argument and no result: nothing is put into the other registers.
[[gnu::always_inline]] inline abi::Error invoke(abi::SyscallNumber number, std::uint64_t argument) {
    std::uint64_t rax = static_cast<std::uint64_t>(number);
    asm volatile("syscall"
                 : "+a"(rax), "+D"(argument)
                 :
                 : "rsi", "rdx", "r10", "r8", "r9", "rcx", "r11", "memory");
    return static_cast<abi::Error>(rax);
}

/// This thread's IPC buffer: its first word holds its own address and the GS base points at it.
inline abi::IpcBuffer& ipc_buffer() {
    abi::IpcBuffer* buffer;
    asm volatile("mov %%gs:0, %0" : "=r"(buffer));
    return *buffer;
}

/// The counter that deadlines are given in.
inline std::uint64_t ticks() {
    std::uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return std::uint64_t{high} << 32 | low;
}

}  // namespace redoubt::native
