// Where system calls and faults of user code arrive from the entry code.
#include <iterator>

#include "abi/syscall.hpp"
#include "arch/entry.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/syscall.hpp"

namespace redoubt::kernel {

namespace {

/// In the order of abi::SyscallNumber.
constexpr SystemCall* kSystemCalls[] = {
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

/// A Linux system call: continues in the process's own handler, which finds where it was made in
/// the IPC buffer.
void reflect_syscall(Thread& self, UserContext& context) {
    if (self.reflect_handler == 0) {
        raise_fault(self, abi::FaultKind::InvalidSyscall, syscall_number(context), 0);
        return;
    }
    self.ipc_buffer->reflect_instruction_pointer = instruction_pointer(context);
    self.ipc_buffer->reflect_flags = processor_flags(context);
    reflect(context, self.reflect_handler);
}

}  // namespace

void on_syscall(UserContext& context) {
    Thread& self = *current_thread();
    const std::uint64_t number = syscall_number(context);
    const std::uint64_t index = number - abi::kNativeBase;
    if (index < std::size(kSystemCalls)) [[likely]] {
        const abi::Error status = kSystemCalls[index](self, context);
        if (status != kNoStatus) set_status(context, status);
    } else if (number < abi::kNativeBase) {
        reflect_syscall(self, context);
    } else {
        set_status(context, abi::Error::InvalidSyscall);
    }
}

void on_user_fault(UserContext&, const TrapInfo& trap) {
    raise_fault(*current_thread(), trap.kind, trap.address, trap.error_code);
}

}  // namespace redoubt::kernel
