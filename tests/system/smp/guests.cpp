// Virtual machines whose vCPU runs on another processor than the thread that takes things away from
// it: memory, the run itself, the whole machine.
#include "tests/system/smp/machine.hpp"

extern "C" void stress_runner();

namespace redoubt::stress {
namespace {

namespace scheme = abi::scheme;

constexpr std::uint64_t kPoison = 0xDEAD, kHarmless = 0x600D;

alignas(16) unsigned char stacks[kMaximumTasks][kStackBytes];
volatile std::uint64_t exits[kMaximumTasks];

}  // namespace

/// Runs the vCPU of its task until that is impossible.
extern "C" [[noreturn]] void run_stress_guest(Task* task) {
    const Window window{*task};
    while (native::vcpu_run(task->first + kVcpu) == Error::Ok) {
        fuzz::count(exits[task->index]);
        abi::VcpuState& state = window.state();
        if (go_on_after_call(state)) {
            // Others are to get on too; but now and then it uses up its slice.
            if (exits[task->index] % 64 != 0) native::yield();
        } else if (state.exit.kind == abi::ExitKind::Mmio) {
            native::yield();  // the page is away; the instruction is executed again
        } else if (state.exit.kind != abi::ExitKind::Interrupted) {
            fail(*task, "an exit of kind", static_cast<std::uint64_t>(state.exit.kind));
        }
    }
    native::exit_thread();
}
asm("stress_runner: call run_stress_guest\n");

void torment_guests(Task& task) {
    const Window window{task};
    const Slot at = task.first;
    for (;; done(task)) {
        make_machine(task, copying_guest());
        const unsigned other = (task.processor + 1) % processors();
        make_thread(task, at + kRunner, window.buffer(), stress_runner,
                    reinterpret_cast<std::uint64_t>(stacks[task.index]) + kStackBytes,
                    reinterpret_cast<std::uint64_t>(&task), other);
        for (std::uint64_t rounds = 1 + task.random.below(6); rounds != 0; --rounds) {
            window.page() = kHarmless;
            must(task, native::map(at + kGuestPage, at + kVm, kPageAddress, kReadWrite),
                 "a guest's page");
            const std::uint64_t seen = exits[task.index];
            for (unsigned i = 0; i < 20 && exits[task.index] == seen; ++i) native::yield();
            if (task.random.one_in(3))
                must(task, native::vcpu_control(at + kVcpu, abi::VcpuOperation::Kick), "a kick");
            must(task, native::unmap(at + kGuestPage), "unmapping a guest's page");
            // From here on the guest cannot see it any more.
            window.page() = kPoison;
            native::yield();
            if (window.word(kCopyOffset) == kPoison)
                fail(task, "a guest saw what was taken from it");
        }
        switch (task.random.below(4)) {
            case 0:
                must(task,
                     probe::request(at + kVm, scheme::Operation::Call,
                                    static_cast<std::uint64_t>(abi::hv::VmCall::Destroy))
                         .error,
                     "destroying");
                // Its runner may not have noticed yet. What it was told stays told; once it has, it
                // ends.
                if (task.random.one_in(2)) {
                    must(task, native::thread_control(at + kRunner, ThreadOperation::Suspend),
                         "suspending");
                    const Error resumed =
                        native::thread_control(at + kRunner, ThreadOperation::Resume);
                    if (resumed != Error::InvalidState) must(task, resumed, "resuming");
                    for (unsigned i = 0; i < 4; ++i) native::yield();
                }
                break;
            case 1:
                must(task, native::thread_control(at + kRunner, ThreadOperation::Suspend),
                     "suspending");
                break;
            case 2:
                must(task, native::delete_capability(at + kVcpu), "deleting a vCPU");
                break;
            default:
                break;
        }
        must(task, native::revoke(task.pool), "revoking");
        if (native::identify(task.pool).value.free_bytes != 1ULL << kPoolBits)
            fail(task, "memory is lost");
    }
}

}  // namespace redoubt::stress
