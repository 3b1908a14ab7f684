// The system calls. Each decodes its arguments first, changing nothing, then does what cannot fail.
#pragma once

#include "abi/error.hpp"
#include "arch/context.hpp"
#include "kernel/object/thread.hpp"

namespace redoubt::kernel {

/// Returned by a system call that set the status register itself, or will when the thread wakes up.
inline constexpr abi::Error kNoStatus{0xFFFF'FFFF};

/// The caller and its registers (self.context).
using SystemCall = abi::Error(Thread& self, UserContext& context);

// ipc.cpp
SystemCall syscall_call, syscall_reply_recv, syscall_recv, syscall_reply;
// notification.cpp
SystemCall syscall_signal, syscall_wait;
// capability.cpp
SystemCall syscall_retype, syscall_cap_copy, syscall_cap_delete, syscall_cap_revoke,
    syscall_cap_identify;
// memory.cpp
SystemCall syscall_map, syscall_unmap;
// thread.cpp
SystemCall syscall_yield, syscall_thread_configure, syscall_thread_control, syscall_exit,
    syscall_scheduling_control;
// device.cpp
SystemCall syscall_irq_control, syscall_port_io, syscall_system_info;
// hv.cpp
SystemCall syscall_vcpu_run, syscall_vcpu_control;
/// syscall_call on something that is not an endpoint: the kernel itself answers for hv:.
SystemCall syscall_call_kernel;

/// The end of a system call that may have left objects without capabilities: ends them. Ok;
/// kNoStatus if that was interrupted, and goes on when the thread does, or if the caller itself has
/// ended.
abi::Error end_dying(Thread& self, UserContext& context, DyingObjects& dying);

/// The thread's code did something wrong: tells its fault endpoint, or stops it for good.
void raise_fault(Thread& thread, abi::FaultKind kind, std::uint64_t address,
                 std::uint64_t error_code);

}  // namespace redoubt::kernel
