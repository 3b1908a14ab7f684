// A user thread's register state, and how system call arguments and results lie in it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "abi/error.hpp"
#include "abi/machine.hpp"
#include "abi/syscall.hpp"

namespace redoubt::kernel {

/// What the entry code stores: register xN at 8 * N, where x0's place is the program counter's.
struct TrapFrame {
    std::uint64_t pc;
    std::uint64_t ra, sp, gp, tp;
    std::uint64_t t0, t1, t2;
    std::uint64_t s0, s1;
    std::uint64_t arguments[7];  ///< a0 … a6
    std::uint64_t a7;            ///< number of a system call, then its status
    std::uint64_t s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
    std::uint64_t t3, t4, t5, t6;
    std::uint64_t cause;  ///< scause
    std::uint64_t value;  ///< stval
};
static_assert(offsetof(TrapFrame, arguments) == 80 && offsetof(TrapFrame, a7) == 136 &&
              offsetof(TrapFrame, t6) == 248 && sizeof(TrapFrame) == 272);

/// Everything of a thread that the processor forgets when another one runs.
struct alignas(64) UserContext : TrapFrame {
    std::uint64_t ipc_buffer;  ///< user address of the thread's IPC buffer
    void* fpu_area;  ///< fpu_state_size() bytes, 64-byte aligned; owned by the thread object
};

using abi::kUserAddressEnd;

inline constexpr std::uint64_t kSystemCallBytes = 4;  // ECALL; pc is behind it

// -- System calls: number in a7, arguments a0 … a5; the same registers carry results, a7 the
// status.
inline std::uint64_t syscall_number(const UserContext& context) { return context.a7; }
inline std::uint64_t argument(const UserContext& context, unsigned index) {
    return context.arguments[index];
}
inline void set_status(UserContext& context, abi::Error error) {
    context.a7 = static_cast<std::uint64_t>(error);
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

inline std::uint64_t instruction_pointer(const UserContext& context) { return context.pc; }
/// What reflect() takes from the program: there are no flags, but no register is free either.
inline std::uint64_t processor_flags(const UserContext& context) { return context.tp; }

/// Makes the context ready to start at `entry`. Other registers are zero, but for the thread
/// pointer, which is the IPC buffer's address if `tls` is 0. fpu_area and the IPC buffer's address
/// stay.
void initialize(UserContext& context, std::uint64_t entry, std::uint64_t stack,
                std::uint64_t argument, std::uint64_t tls);

/// Makes the system call again when the context continues: its registers are still the arguments.
inline void restart_syscall(UserContext& context) { context.pc -= kSystemCallBytes; }

/// Makes another system call, without arguments, in its place.
inline void restart_syscall_as(UserContext& context, abi::SyscallNumber number) {
    restart_syscall(context);
    context.a7 = static_cast<std::uint64_t>(number);
    for (std::uint64_t& argument : context.arguments) argument = 0;
}

/// For a thread that was stopped after it came in and before anything was done for it: whatever it
/// came in for happens again when it continues.
inline void repeat_entry(UserContext& context) {
    constexpr std::uint64_t kUserCall = 8;
    if (context.cause == kUserCall) restart_syscall(context);
}

/// Continues at `handler` with every other register intact but for the thread pointer, which is the
/// IPC buffer's address (the caller has stored both).
inline void reflect(UserContext& context, std::uint64_t handler) {
    context.pc = handler;
    context.tp = context.ipc_buffer;
}

/// The thread pointer.
void set_tls_base(UserContext& context, std::uint64_t value);
/// The user address of the thread's IPC buffer.
void set_ipc_buffer_base(UserContext& context, std::uint64_t value);

/// To be called before the memory of a context or of its FPU area goes away or is overwritten.
void forget_context(UserContext& context);

}  // namespace redoubt::kernel
