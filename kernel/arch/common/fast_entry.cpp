// What the entry code calls for system calls that have a short way.
#include <iterator>

#include "arch/continue.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/syscall/fast_path.hpp"
#include "kernel/syscall/system_constants.hpp"

namespace redoubt::kernel {

namespace {

/// Nobody else can have stopped the thread that came in: it would have had to wait for the lock.
template <fast::ShortWay kWay>
[[gnu::always_inline]] inline Restore take(UserContext& context) {
    PerCpu& cpu = this_cpu();
    if (!fast::is_undisturbed(cpu)) [[unlikely]]
        return {};
    const auto [next, message] = kWay(cpu, context);
    if (next == nullptr) [[unlikely]]
        return {};
    if (&next->context == &context) return {&context, nullptr};
    activate(cpu, next->space->root);
    load_context(cpu, next->context);
    return {&next->context, &message->context};
}

template <fast::ShortWay kWay>
[[gnu::always_inline]] inline Restore take_locking(UserContext& context) {
    if (!try_lock_kernel()) [[unlikely]]
        return {};
    Restore restore = take<kWay>(context);
    // Without the lock the other thread is not ours to read.
    if (restore.message != nullptr && restore.message != restore.context) {
        for (unsigned i = 0; i < abi::kRegisterWords; ++i) {
            set_message_register(*restore.context, i, message_register(*restore.message, i));
        }
        restore.message = restore.context;
    }
    unlock_kernel();
    return restore;
}

/// After a run that leaves something to be scheduled.
template <bool kLocked>
[[gnu::noinline]] Restore schedule() {
    if (!kLocked) lock_kernel();
    UserContext* next = choose_context();
    unlock_kernel();
    return {next, next};
}

template <Processors kProcessors>
[[gnu::always_inline]] inline Restore take_run(UserContext& context) {
    constexpr bool kLocks = kProcessors == Processors::Several;
    if (kLocks && !try_lock_kernel()) [[unlikely]]
        return {};
    if (!fast::run_vcpu<kProcessors>(this_cpu(), context)) [[unlikely]] {
        if (kLocks) unlock_kernel();
        return {};
    }
    // The thread may be gone, but then it is not the current one. Nothing is kept across the run.
    UserContext* const in = this_cpu().context;
    if (!goes_on(in)) [[unlikely]]
        return schedule<kLocks>();
    if (kLocks) unlock_kernel();
    return {in, nullptr};
}

// x86-64's table, in entry.S.
static_assert(static_cast<std::uint64_t>(abi::SyscallNumber::Call) == abi::kNativeBase);
static_assert(static_cast<std::uint64_t>(abi::SyscallNumber::ReplyRecv) == abi::kNativeBase + 1);
static_assert(static_cast<std::uint64_t>(abi::SyscallNumber::Signal) == abi::kNativeBase + 4);
static_assert(static_cast<std::uint64_t>(abi::SyscallNumber::Wait) == abi::kNativeBase + 5);
static_assert(static_cast<std::uint64_t>(abi::SyscallNumber::VcpuRun) == abi::kNativeBase + 18);
static_assert(static_cast<std::uint64_t>(abi::SyscallNumber::SystemInfo) == abi::kNativeBase + 20);
static_assert(std::size(system_constants) == 4);

}  // namespace

extern "C" {

Restore fast_call_alone(UserContext& context) { return take<fast::call<Processors::One>>(context); }
Restore fast_reply_recv_alone(UserContext& context) {
    return take<fast::reply_recv<Processors::One>>(context);
}
Restore fast_signal_alone(UserContext& context) {
    return take<fast::signal<Processors::One>>(context);
}
Restore fast_wait_alone(UserContext& context) { return take<fast::wait<Processors::One>>(context); }

Restore fast_call_locking(UserContext& context) {
    return take_locking<fast::call<Processors::Several>>(context);
}
Restore fast_reply_recv_locking(UserContext& context) {
    return take_locking<fast::reply_recv<Processors::Several>>(context);
}
Restore fast_signal_locking(UserContext& context) {
    return take_locking<fast::signal<Processors::Several>>(context);
}
Restore fast_wait_locking(UserContext& context) {
    return take_locking<fast::wait<Processors::Several>>(context);
}

Restore fast_vcpu_run_alone(UserContext& context) { return take_run<Processors::One>(context); }
Restore fast_vcpu_run_locking(UserContext& context) {
    return take_run<Processors::Several>(context);
}

}  // extern "C"

}  // namespace redoubt::kernel
