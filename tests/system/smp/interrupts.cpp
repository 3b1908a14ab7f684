// A guest's interrupts: one thread runs the vCPU as a monitor does, its partner on another
// processor raises interrupts and kicks it, whatever it is doing. None is lost, and both keep what
// they have in vector registers.
#include "tests/system/smp/machine.hpp"

namespace redoubt::stress {
namespace {

constexpr std::uint64_t kPatienceSeconds = 60;

enum Shared { kWakeUp, kAnswer };  // notifications, in the shared words of both
std::uint64_t raised[kMaximumTasks], handled[kMaximumTasks];

void make_guest(Task& task) {
    make_machine(task, interrupted_guest());
    const Window window{task};
    window.copy(kHandlerOffset, interrupt_handler());
    set_interrupt_state(window.state(), window.memory(), 0x1234'0000 + task.index);
}

void run(Task& task) {
    const std::uint64_t mine = task.random.next();
    set_vector_register(mine);
    must(task, native::vcpu_run(task.first + kVcpu), "a run");
    const std::uint64_t left = vector_register();
    if (left != mine) fail(task, "a vector register changed", left);
}

/// Once the guest takes interrupts again: were all that were injected delivered? Returns how many
/// were more than once.
std::uint64_t check_delivered(Task& task, std::uint64_t delivered, std::uint64_t injected) {
    const auto repeated = static_cast<std::int16_t>(delivered - injected);
    if (repeated < 0) fail(task, "an interrupt was lost of those injected", injected);
    if (repeated > 0 && !kInterruptsRepeat)
        fail(task, "an interrupt came twice of those injected", injected);
    return static_cast<std::uint64_t>(repeated);
}

/// True: the guest has halted.
bool handle_exit(Task& task, abi::VcpuState& state) {
    if (is_complaint(state)) fail(task, "the guest's vector register changed");
    if (go_on_after_call(state)) return false;
    if (go_on_after_halt(state)) return true;
    switch (state.exit.kind) {
        case abi::ExitKind::Interrupted:
        case abi::ExitKind::Deadline:
        case abi::ExitKind::InterruptWindow:
            return false;
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
                inject(state);
                ++injected;
                halted = false;
                done(task);
            } else {
                native::signal(task.shared[kAnswer]);
            }
        }
        state.control = injected != wanted ? kWaitsForInterrupts : 0U;
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
