// Where system calls and faults of user code arrive from the entry code.
#include "kernel/syscall/dispatch.hpp"

#include "arch/entry.hpp"
#include "kernel/sched/scheduler.hpp"

namespace redoubt::kernel {

namespace {

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

void on_foreign_syscall(Thread& self, UserContext& context) {
    if (syscall_number(context) < abi::kNativeBase) {
        reflect_syscall(self, context);
    } else {
        set_status(context, abi::Error::InvalidSyscall);
    }
}

void on_user_fault(UserContext&, const TrapInfo& trap) {
    raise_fault(*current_thread(), trap.kind, trap.address, trap.error_code);
}

}  // namespace redoubt::kernel
