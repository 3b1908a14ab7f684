// The C++ side of every entry into the kernel.
#include "arch/trap.hpp"

#include "arch/continue.hpp"
#include "arch/cpu_setup.hpp"
#include "arch/csr.hpp"
#include "arch/entry.hpp"
#include "arch/page_format.hpp"
#include "arch/paging.hpp"
#include "arch/power.hpp"
#include "kernel/mm/mapper.hpp"
#include "kernel/object/address_space.hpp"
#include "kernel/object/thread.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/sched/scheduler.hpp"
#include "kernel/syscall/dispatch.hpp"

extern "C" {
extern const char trap_entry[];
redoubt::kernel::ShortWayEntry usual_way;
[[noreturn]] void enter_scheduler_on_stack();
}

namespace redoubt::kernel {

namespace {

const char* name_of(std::uint64_t cause) {
    constexpr const char* kNames[] = {"misaligned fetch",    "fetch access fault",
                                      "illegal instruction", "breakpoint",
                                      "misaligned load",     "load access fault",
                                      "misaligned store",    "store access fault",
                                      "call from user mode", "call from supervisor mode",
                                      "call from a guest",   "call from machine mode",
                                      "fetch page fault",    "load page fault",
                                      "reserved exception",  "store page fault"};
    return cause < std::size(kNames) ? kNames[cause] : "exception";
}

inline UserContext* load(UserContext& next) {
    load_context(this_cpu(), next);
    return &next;
}

/// By the number of the call, from abi::kNativeBase on; most go the usual way.
struct ShortWays {
    ShortWayEntry* entries[32];  // entry.S

    constexpr ShortWayEntry*& operator[](abi::SyscallNumber number) {
        return entries[static_cast<std::uint64_t>(number) - abi::kNativeBase];
    }
};
static_assert(std::size(kSystemCalls) <= std::size(ShortWays{}.entries));

constexpr ShortWays make_short_ways(ShortWayEntry* call, ShortWayEntry* reply_recv,
                                    ShortWayEntry* signal, ShortWayEntry* wait,
                                    ShortWayEntry* vcpu_run) {
    ShortWays ways{};
    for (ShortWayEntry*& entry : ways.entries) entry = usual_way;
    ways[abi::SyscallNumber::Call] = call;
    ways[abi::SyscallNumber::ReplyRecv] = reply_recv;
    ways[abi::SyscallNumber::Signal] = signal;
    ways[abi::SyscallNumber::Wait] = wait;
    ways[abi::SyscallNumber::VcpuRun] = vcpu_run;
    return ways;
}
constinit const ShortWays short_ways_alone =
    make_short_ways(fast_call_alone, fast_reply_recv_alone, fast_signal_alone, fast_wait_alone,
                    fast_vcpu_run_alone);
constinit const ShortWays short_ways_locking =
    make_short_ways(fast_call_locking, fast_reply_recv_locking, fast_signal_locking,
                    fast_wait_locking, fast_vcpu_run_locking);

/// abi::kReflectReturn.
void return_from_reflection(UserContext& context) {
    const abi::IpcBuffer& buffer = *current_thread()->ipc_buffer;
    context.pc = buffer.reflect_instruction_pointer;
    context.tp = buffer.reflect_flags;
    context.a7 = buffer.reflect_number;
}

bool is_page_fault(std::uint64_t cause) {
    return cause == kCauseFetchPageFault || cause == kCauseLoadPageFault ||
           cause == kCauseStorePageFault;
}

/// Processors may keep the absence of a translation for a while (4.2.1); mapping does not flush.
void on_page_fault(UserContext& context) {
    constexpr std::uint64_t kPresent = 1, kWrite = 2, kFetch = 16;
    const VirtualAddress address{context.value};
    const bool write = context.cause == kCauseStorePageFault;
    const bool fetch = context.cause == kCauseFetchPageFault;
    const auto translation =
        PageMapper<UserPageFormat>::translate_at(current_thread()->space->user_tables, address);
    if (translation && translation->flags.is_user() &&
        (!write || translation->flags.is_writable()) &&
        (!fetch || translation->flags.is_executable())) {
        return flush_page(address);
    }
    on_user_fault(context,
                  {abi::FaultKind::PageFault, context.value,
                   (translation ? kPresent : 0) | (write ? kWrite : 0) | (fetch ? kFetch : 0)});
}

}  // namespace

void trap_initialize() {
    REDOUBT_WRITE_CSR("sscratch", 0);
    REDOUBT_WRITE_CSR("stvec", reinterpret_cast<std::uint64_t>(trap_entry));
}

UserContext* choose_context() { return load(schedule_and_continue()); }

void enter_scheduler() { enter_scheduler_on_stack(); }

extern "C" UserContext* kernel_first_entry() {
    // All processors have come up.
    const bool alone = cpu_count() == 1 && lock_statistics(0) == nullptr;
    this_cpu().short_ways = alone ? &short_ways_alone : &short_ways_locking;
    UserContext* next = choose_context();
    unlock_kernel();
    return next;
}

// From the moment that the lock is taken another processor may have stopped the thread that came in
// (current is nullptr then, and its context may be gone): what it wanted has not begun.

extern "C" Restore kernel_entry_syscall(UserContext* context) {
    lock_kernel();
    if (Thread* self = this_cpu().current; self == nullptr) [[unlikely]] {
        // Stopped: it will be made again.
    } else if (context->a7 == abi::kReflectReturn) {
        return_from_reflection(*context);
    } else {
        on_syscall(*self, *context);
    }
    const bool returns = goes_on(context);
    UserContext* next = returns ? context : continue_after(context);
    unlock_kernel();
    return {next, returns ? nullptr : next};
}

extern "C" UserContext* kernel_entry_trap(UserContext* context) {
    const std::uint64_t cause = context->cause;
    lock_kernel();
    if ((cause & kCauseInterrupt) != 0) {
        if (is_panicking()) halt();
        dispatch_interrupt(cause & ~kCauseInterrupt);
    } else if (this_cpu().current == nullptr) {
        // Stopped: the instruction will be executed again.
    } else if (is_page_fault(cause)) {
        on_page_fault(*context);
    } else if (cause == kCauseIllegalInstruction && fpu_first_use(context->fpu_area)) {
        // It is executed again.
    } else {
        on_user_fault(*context, {abi::FaultKind::Exception, cause, context->value});
    }
    UserContext* next = continue_after(context);
    unlock_kernel();
    return next;
}

extern "C" void kernel_mode_trap(TrapFrame* frame) {
    if ((frame->cause & kCauseInterrupt) != 0) {
        if (is_panicking()) halt();
        // Interrupts are let in while the lock is held, except by an idle processor.
        const bool idle = this_cpu().idle;
        if (idle) lock_kernel();
        dispatch_interrupt(frame->cause & ~kCauseInterrupt);
        if (idle) unlock_kernel();
        return;
    }
    panic_begin();
    print("{} in the kernel\n", name_of(frame->cause));
    print_registers_and_backtrace(*frame);
    panic_stop();
}

}  // namespace redoubt::kernel
