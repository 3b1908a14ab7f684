// A user thread's register state, and how system call arguments and results lie in it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/error.hpp"
#include "abi/machine.hpp"
#include "abi/syscall.hpp"

namespace redoubt::kernel {

/// What the entry code stores, in the order in which it does (entry.S knows the offsets).
struct TrapFrame {
    std::uint64_t arguments[6];  ///< rdi rsi rdx r10 r8 r9
    std::uint64_t rax, rcx, r11;
    std::uint64_t rbx, rbp, r12, r13, r14, r15;
    std::uint64_t vector;  ///< of the trap, or kSyscallVector
    std::uint64_t error_code;
    std::uint64_t rip, cs, rflags, rsp, ss;  ///< the processor's own frame
};
static_assert(sizeof(TrapFrame) == 176);

/// `vector` of a context that came in through SYSCALL and may leave through SYSRET.
inline constexpr std::uint64_t kSyscallVector = 0x100;

/// Everything of a thread that the processor forgets when another one runs. The end of the trap
/// frame is a stack pointer (TSS.RSP0), which the processor aligns to 16 bytes.
struct alignas(64) UserContext : TrapFrame {
    std::uint64_t fs_base;
    std::uint64_t gs_base;
    void* fpu_area;  ///< fpu_state_size() bytes, 64-byte aligned; owned by the thread object
};

using abi::kUserAddressEnd;

// -- System calls: number in rax, arguments rdi rsi rdx r10 r8 r9; the same registers carry
// results.
inline std::uint64_t syscall_number(const UserContext& context) { return context.rax; }
inline std::uint64_t argument(const UserContext& context, unsigned index) {
    return context.arguments[index];
}
inline void set_status(UserContext& context, abi::Error error) {
    context.rax = static_cast<std::uint64_t>(error);
}
inline void set_result(UserContext& context, unsigned index, std::uint64_t value) {
    context.arguments[index] = value;
}
/// Message registers mr0..mr3 are arguments 2..5.
inline std::uint64_t message_register(const UserContext& context, unsigned index) {
    return context.arguments[2 + index];
}
inline void set_message_register(UserContext& context, unsigned index, std::uint64_t value) {
    context.arguments[2 + index] = value;
}

inline std::uint64_t instruction_pointer(const UserContext& context) { return context.rip; }
inline std::uint64_t processor_flags(const UserContext& context) { return context.rflags; }

/// Makes the context ready to start at `entry`. All other registers are zero; fpu_area and the GS
/// base stay.
void initialize(UserContext& context, std::uint64_t entry, std::uint64_t stack,
                std::uint64_t argument, std::uint64_t tls);

/// Makes the system call again when the context continues: its registers are still the arguments.
inline void restart_syscall(UserContext& context) {
    constexpr std::uint64_t kInstructionBytes = 2;
    context.rip -= kInstructionBytes;
}

/// Makes another system call, without arguments, in its place.
inline void restart_syscall_as(UserContext& context, abi::SyscallNumber number) {
    restart_syscall(context);
    context.rax = static_cast<std::uint64_t>(number);
    for (std::uint64_t& argument : context.arguments) argument = 0;
}

/// For a thread that was stopped after it came in and before anything was done for it: whatever it
/// came in for happens again when it continues.
inline void repeat_entry(UserContext& context) {
    if (context.vector == kSyscallVector) restart_syscall(context);
}

/// Continues at `handler` with every other register intact (the caller has stored rip and rflags).
inline void reflect(UserContext& context, std::uint64_t handler) { context.rip = handler; }

/// FS base; takes effect at once if the context is the one that this processor has loaded. No other
/// processor may be running it (nor for the others below).
void set_tls_base(UserContext& context, std::uint64_t value);
/// GS base, which is the user address of the thread's IPC buffer.
void set_ipc_buffer_base(UserContext& context, std::uint64_t value);

/// To be called before the memory of a context or of its FPU area goes away or is overwritten.
void forget_context(UserContext& context);

}  // namespace redoubt::kernel
