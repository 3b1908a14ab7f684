// The interrupt descriptor table, and the C++ side of every entry into the kernel.
#include "arch/trap.hpp"

#include "arch/continue.hpp"
#include "arch/entry.hpp"
#include "arch/msr.hpp"
#include "arch/power.hpp"
#include "arch/vectors.hpp"
#include "kernel/panic.hpp"
#include "kernel/sched/kernel_lock.hpp"
#include "kernel/syscall/dispatch.hpp"

extern "C" {
extern const char trap_stubs[], syscall_entry_alone[];
[[noreturn]] void enter_scheduler_on_stack();
}

namespace redoubt::kernel {

namespace {

/// APM vol. 2, 4.8.4.
struct Gate {
    std::uint16_t offset_low, selector;
    std::uint8_t interrupt_stack, attributes;
    std::uint16_t offset_middle;
    std::uint32_t offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr unsigned kStubBytes = 16;
constexpr std::uint8_t kInterruptGate = 0x8E, kUserInterruptGate = 0xEE;

alignas(16) Gate gates[256];

/// The exceptions' mnemonics (APM vol. 2, table 8-1).
constexpr const char* kNames[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                  "#DF", "9",   "#TS", "#NP", "#SS", "#GP", "#PF", "15",
                                  "#MF", "#AC", "#MC", "#XF", "#VE", "#CP", "22",  "23",
                                  "24",  "25",  "26",  "27",  "#HV", "#VC", "#SX", "31"};
static_assert(std::size(kNames) == kFirstInterruptVector);

std::uint8_t interrupt_stack_of(unsigned vector) {
    switch (vector) {
        case kVectorNmi:
            return 1;
        case kVectorDoubleFault:
            return 2;
        case kVectorMachineCheck:
            return 3;
        default:
            return 0;
    }
}

inline UserContext* load(UserContext& next) {
    PerCpu& cpu = this_cpu();
    if (cpu.context != &next) {
        load_context(cpu, next);
    } else if (cpu.fpu_area != next.fpu_area) {
        fpu_exchange(cpu, next.fpu_area);
    }
    return &next;
}

}  // namespace

void trap_initialize() {
    for (unsigned vector = 0; vector < 256; ++vector) {
        const auto address = reinterpret_cast<std::uint64_t>(trap_stubs) + vector * kStubBytes;
        gates[vector] = {static_cast<std::uint16_t>(address),
                         kKernelCode,
                         interrupt_stack_of(vector),
                         vector == kVectorBreakpoint ? kUserInterruptGate : kInterruptGate,
                         static_cast<std::uint16_t>(address >> 16),
                         static_cast<std::uint32_t>(address >> 32),
                         0};
    }
    trap_load();
}

void trap_load() {
    const struct [[gnu::packed]] {
        std::uint16_t limit = sizeof(gates) - 1;
        const void* base = gates;
    } pointer;
    asm volatile("lidt %0" : : "m"(pointer));
}

UserContext* choose_context() { return load(schedule_and_continue()); }

void enter_scheduler() { enter_scheduler_on_stack(); }

extern "C" UserContext* kernel_first_entry() {
    // All processors have come up.
    if (cpu_count() == 1 && lock_statistics(0) == nullptr)
        write_msr(kMsrLstar, reinterpret_cast<std::uint64_t>(syscall_entry_alone));
    UserContext* next = choose_context();
    unlock_kernel();
    return next;
}

// From the moment that the lock is taken another processor may have stopped the thread that came in
// (current is nullptr then, and its context may be gone): what it wanted has not begun.

extern "C" Restore kernel_entry_syscall(UserContext* context) {
    lock_kernel();
    if (Thread* self = this_cpu().current; self != nullptr) [[likely]]
        on_syscall(*self, *context);
    const bool returns = goes_on(context);
    UserContext* next = returns ? context : continue_after(context);
    unlock_kernel();
    return {next, returns ? nullptr : next};
}

extern "C" UserContext* kernel_entry_trap(UserContext* context) {
    const std::uint64_t vector = context->vector;
    lock_kernel();
    if (vector >= kFirstInterruptVector) {
        dispatch_interrupt(static_cast<unsigned>(vector));
    } else if (this_cpu().current == nullptr) {
        // Stopped: the instruction will be executed again.
    } else if (vector == kVectorPageFault) {
        // Bits 0 (present), 1 (write) and 4 (fetch) mean the same to the receivers of fault
        // messages.
        on_user_fault(*context,
                      {abi::FaultKind::PageFault, read_cr2(), context->error_code & 0x13});
    } else {
        on_user_fault(*context, {abi::FaultKind::Exception, vector, context->error_code});
    }
    UserContext* next = continue_after(context);
    unlock_kernel();
    return next;
}

extern "C" void kernel_mode_trap(TrapFrame* frame) {
    if (frame->vector >= kFirstInterruptVector) {
        // Interrupts are let in while the lock is held, except by an idle processor.
        const bool idle = this_cpu().idle;
        if (idle) lock_kernel();
        dispatch_interrupt(static_cast<unsigned>(frame->vector));
        if (idle) unlock_kernel();
        return;
    }
    if (frame->vector == kVectorNmi) {
        if (is_panicking()) halt();
        print("kernel: NMI at {x}\n", frame->rip);
        return;
    }
    panic_begin();
    print("exception {} in the kernel\n", kNames[frame->vector]);
    print_registers_and_backtrace(*frame);
    panic_stop();
}

}  // namespace redoubt::kernel
