// Host tests: libhvcall's native system calls, made by the thread that runs on a fake machine.
#pragma once

#include <functional>

#include "fake_arch/fake.hpp"
#include "libhvcall/native/syscall.hpp"

namespace redoubt::kernel::fake {

/// The machine on which native:: calls are made, and what any thread does that runs because of
/// them: one step, until it is the caller's turn again.
struct NativeMachine {
    Machine* machine = nullptr;
    std::function<void(Thread&)> other_runs;
};
NativeMachine& native_machine();

/// Lets the others run until `thread` does, and makes system calls again that were interrupted.
void run_until(Thread& thread);

}  // namespace redoubt::kernel::fake
