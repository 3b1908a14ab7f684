// How a native system call is made, for libhvcall/native/syscall.hpp.
#pragma once

#include "abi/error.hpp"
#include "abi/ipc.hpp"
#include "abi/object.hpp"
#include "abi/syscall.hpp"
#include "libhvcall/native/registers.hpp"

namespace redoubt::native {

[[gnu::always_inline]] inline abi::Error invoke(abi::SyscallNumber number, Registers& registers) {
    register std::uint64_t a0 asm("a0") = registers.a0;
    register std::uint64_t a1 asm("a1") = registers.a1;
    register std::uint64_t a2 asm("a2") = registers.a2;
    register std::uint64_t a3 asm("a3") = registers.a3;
    register std::uint64_t a4 asm("a4") = registers.a4;
    register std::uint64_t a5 asm("a5") = registers.a5;
    register std::uint64_t a7 asm("a7") = static_cast<std::uint64_t>(number);
    asm volatile("ecall"
                 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a7)
                 :
                 : "t0", "t1", "t2", "a6", "t3", "t4", "t5", "t6", "memory");
    registers = {a0, a1, a2, a3, a4, a5};
    return static_cast<abi::Error>(a7);
}

/// One argument and no result: nothing is put into the other registers.
[[gnu::always_inline]] inline abi::Error invoke(abi::SyscallNumber number, std::uint64_t argument) {
    register std::uint64_t a0 asm("a0") = argument;
    register std::uint64_t a7 asm("a7") = static_cast<std::uint64_t>(number);
    asm volatile("ecall"
                 : "+r"(a0), "+r"(a7)
                 :
                 : "a1", "a2", "a3", "a4", "a5", "a6", "t0", "t1", "t2", "t3", "t4", "t5", "t6",
                   "memory");
    return static_cast<abi::Error>(a7);
}

/// This thread's IPC buffer. Where there is a C library the thread pointer is its own, and the
/// kernel is asked once for each thread; elsewhere the thread pointer is the buffer's address.
inline abi::IpcBuffer& ipc_buffer() {
#if __STDC_HOSTED__
    static thread_local abi::IpcBuffer* known = nullptr;
    if (known == nullptr) [[unlikely]] {
        Registers registers{.a0 = static_cast<std::uint64_t>(abi::SystemInfoKind::IpcBuffer)};
        invoke(abi::SyscallNumber::SystemInfo, registers);
        known = reinterpret_cast<abi::IpcBuffer*>(registers.a1);
    }
    return *known;
#else
    abi::IpcBuffer* buffer;
    asm volatile("mv %0, tp" : "=r"(buffer));
    return *buffer;
#endif
}

/// The counter that deadlines are given in.
inline std::uint64_t ticks() {
    std::uint64_t ticks;
    asm volatile("rdtime %0" : "=r"(ticks));
    return ticks;
}

}  // namespace redoubt::native
