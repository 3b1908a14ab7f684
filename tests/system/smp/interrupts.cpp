// A guest's interrupts: one thread runs the vCPU as a monitor does, its partner on another
// processor raises interrupts and kicks it, whatever it is doing. None is lost, and both keep what
// they have in vector registers.
#include "tests/system/smp/machine.hpp"

namespace redoubt::stress {
namespace {

constexpr std::uint64_t kHandlerOffset = 0x2000, kCountOffset = 0x3000, kSpinOffset = 0x3010;
constexpr unsigned kVector = 0x20, kBadPort = 0x99;
constexpr std::uint64_t kPatienceSeconds = 60;

/// In 16-bit code: spins for a while, looks at XMM0, halts, over and over.
constexpr unsigned char kGuestCode[] = {
    0x66, 0x0F,     0x6E, 0xC0,  // movd xmm0, eax
    0xFB,                        // sti
    0x8B, 0x0E,     0x10, 0x30,  // 1: mov cx, [0x3010]
    0xE2, 0xFE,                  // loop $
    0x66, 0x0F,     0x7E, 0xC3,  // movd ebx, xmm0
    0x66, 0x39,     0xC3,        // cmp ebx, eax
    0x75, 0x03,                  // jne 2f
    0xF4,                        // hlt
    0xEB, 0xEE,                  // jmp 1b
    0xE6, kBadPort,              // 2: out 0x99, al
};
constexpr unsigned char kHandler[] = {
    0xFF, 0x06, 0x00, 0x30,  // inc word [0x3000]
    0xE6, 0x20,              // out 0x20, al
    0xCF,                    // iret
};

enum Shared { kWakeUp, kAnswer };  // notifications, in the shared words of both
std::uint64_t raised[kMaximumTasks], handled[kMaximumTasks];

void make_guest(Task& task) {
    constexpr std::uint32_t kOsfxsr = 1 << 9;
    make_machine(task, kGuestCode);
    const Window window{task};
    window.copy(kHandlerOffset, kHandler);
    window.word(kVector * 4) = kHandlerOffset;
    window.word(kVector * 4 + 2) = kMemoryAddress >> 4;
    abi::VcpuState& state = window.state();
    state.idtr = {0, 0, 0x3FF, kMemoryAddress};
    state.cr4 = kOsfxsr;
    state.gpr[abi::kRax] = 0x1234'0000 + task.index;
    state.dirty |= static_cast<std::uint32_t>(abi::RegisterGroup::Control);
}

bool is_valid(const abi::VcpuState& state) {
    return (state.inject & abi::EventInjection::kValid) != 0;
}
bool takes_interrupts(const abi::VcpuState& state) {
    constexpr std::uint64_t kInterruptFlag = 1 << 9;
    return (state.rflags & kInterruptFlag) != 0 && state.interruptibility == 0 && !is_valid(state);
}

void run(Task& task) {
    const std::uint64_t mine = task.random.next();
    std::uint64_t left = 0;
    asm volatile("movq %0, %%xmm0" : : "r"(mine));
    must(task, native::vcpu_run(task.first + kVcpu), "a run");
    asm volatile("movq %%xmm0, %0" : "=r"(left));
    if (left != mine) fail(task, "a vector register changed", left);
}

/// Once the guest takes interrupts again: were all that were injected delivered? QEMU 7.2 leaves an
/// injected interrupt as its pending exception, too, and delivers it again if it happens to leave
/// its loop before the next exit. Returns how many were.
std::uint64_t check_delivered(Task& task, std::uint64_t delivered, std::uint64_t injected) {
    const auto repeated = static_cast<std::int16_t>(delivered - injected);
    if (repeated < 0) fail(task, "an interrupt was lost of those injected", injected);
    return static_cast<std::uint64_t>(repeated);
}

/// True: the guest has halted.
bool handle_exit(Task& task, abi::VcpuState& state) {
    switch (state.exit.kind) {
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
        case abi::ExitKind::InterruptWindow:
            return false;
        case abi::ExitKind::PortIo:
            if (state.exit.info1 == kBadPort) fail(task, "the guest's XMM0 changed");
            [[fallthrough]];
        case abi::ExitKind::Halt:
            state.rip = state.exit.next_rip;
            return state.exit.kind == abi::ExitKind::Halt;
        default:
            fail(task, "an exit of kind", static_cast<std::uint64_t>(state.exit.kind));
    }
}

}  // namespace

void deliver_interrupts(Task& task) {
    make_guest(task);
    const Window window{task};
    abi::VcpuState& state = window.state();
    std::uint64_t injected = 0, repeated = 0;
    bool halted = false;
    for (;;) {
        const std::uint64_t wanted = __atomic_load_n(&raised[task.index], __ATOMIC_ACQUIRE);
        if (takes_interrupts(state)) {
            repeated += check_delivered(task, window.word(kCountOffset), injected + repeated);
            __atomic_store_n(&handled[task.index], injected, __ATOMIC_RELEASE);
            if (injected != wanted) {
                state.inject =
                    abi::EventInjection::kValid | abi::EventInjection::kExternalInterrupt | kVector;
                ++injected;
                halted = false;
                done(task);
            } else {
                native::signal(task.shared[kAnswer]);
            }
        }
        state.control = injected != wanted ? abi::kRequestInterruptWindow : 0U;
        if (halted) {
            native::wait(task.shared[kWakeUp]);
            continue;
        }
        window.word(kSpinOffset) = static_cast<std::uint16_t>(1 + task.random.below(2000));
        state.deadline =
            task.random.one_in(4) ? native::ticks() + task.random.below(50'000) : abi::kNever;
        run(task);
        halted = handle_exit(task, state);
    }
}

/// Raises one or two, and waits until they are handled.
void raise_interrupts(Task& task) {
    const Task& guest = *task.partner;
    for (;; done(task)) {
        for (std::uint64_t i = task.random.below(2000); i != 0; --i) asm volatile("");
        for (std::uint64_t count = 1 + task.random.below(2); count != 0; --count) {
            __atomic_fetch_add(&raised[guest.index], 1, __ATOMIC_RELEASE);
            native::vcpu_control(guest.first + kVcpu, abi::VcpuOperation::Kick);
            native::signal(task.shared[kWakeUp]);
        }
        const std::uint64_t until = native::ticks() + kPatienceSeconds * ticks_per_second();
        const std::uint64_t wanted = raised[guest.index];
        // The answer may be that to an earlier one.
        do {
            if (native::wait(task.shared[kAnswer], until).error != Error::Ok)
                fail(task, "an interrupt was not handled", wanted);
        } while (__atomic_load_n(&handled[guest.index], __ATOMIC_ACQUIRE) != wanted);
    }
}

}  // namespace redoubt::stress
