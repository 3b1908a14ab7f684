// Host tests: libhvcall's native system calls, made by the thread that runs on a fake machine.
#include "fake_arch/native.hpp"

#include <cstdlib>
#include <cstring>

#include "arch/timer.hpp"

namespace redoubt {

namespace kernel::fake {

NativeMachine& native_machine() {
    static NativeMachine machine;
    return machine;
}

void run_until(Thread& thread) {
    auto& [machine, other_runs] = native_machine();
    while (&machine->running() != &thread) other_runs(machine->running());
}

}  // namespace kernel::fake

namespace native {

abi::Error invoke(abi::SyscallNumber number, Registers& registers) {
    kernel::fake::Machine& machine = *kernel::fake::native_machine().machine;
    kernel::Thread& self = machine.running();
    kernel::UserContext& context = self.context;
    const std::uint64_t ip = context.rip;
    machine.call(number, {registers.a0, registers.a1, registers.a2, registers.a3, registers.a4,
                          registers.a5});
    kernel::fake::run_until(self);
    while (context.rip != ip) {
        context.rip = ip;
        std::array<std::uint64_t, 6> arguments;
        std::memcpy(arguments.data(), context.arguments, sizeof arguments);
        machine.call_raw(context.rax, arguments);
        kernel::fake::run_until(self);
    }
    const std::uint64_t* results = context.arguments;
    registers = {results[0], results[1], results[2], results[3], results[4], results[5]};
    return static_cast<abi::Error>(context.rax);
}

abi::IpcBuffer& ipc_buffer() {
    return *kernel::fake::native_machine().machine->running().ipc_buffer;
}

std::uint64_t ticks() { return kernel::fake_ticks; }

}  // namespace native
}  // namespace redoubt
