// From a system call's number to the function, inline for the entry code.
#pragma once

#include <iterator>

#include "abi/syscall.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

/// In the order of abi::SyscallNumber.
inline constexpr SystemCall* kSystemCalls[] = {
    syscall_call,
    syscall_reply_recv,
    syscall_recv,
    syscall_reply,
    syscall_signal,
    syscall_wait,
    syscall_yield,
    syscall_retype,
    syscall_cap_copy,
    syscall_cap_delete,
    syscall_cap_revoke,
    syscall_cap_identify,
    syscall_map,
    syscall_unmap,
    syscall_thread_configure,
    syscall_thread_control,
    syscall_irq_control,
    syscall_port_io,
    syscall_vcpu_run,
    syscall_vcpu_control,
    syscall_system_info,
    syscall_exit,
    syscall_scheduling_control,
};
static_assert(std::size(kSystemCalls) ==
              static_cast<std::uint64_t>(abi::SyscallNumber::End_) - abi::kNativeBase);

/// One whose number is not ours.
void on_foreign_syscall(Thread& self, UserContext& context);

/// `self`: the current thread, whose context this is.
inline void on_syscall(Thread& self, UserContext& context) {
    const std::uint64_t index = syscall_number(context) - abi::kNativeBase;
    if (index >= std::size(kSystemCalls)) [[unlikely]]
        return on_foreign_syscall(self, context);
    const abi::Error status = kSystemCalls[index](self, context);
    if (status != kNoStatus) set_status(context, status);
}

}  // namespace redoubt::kernel
