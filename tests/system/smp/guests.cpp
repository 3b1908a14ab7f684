// Virtual machines whose vCPU runs on another processor than the thread that takes things away from
// it: memory, the run itself, the whole machine.
#include "abi/hv.hpp"
#include "abi/scheme.hpp"
#include "tests/system/smp/stress.hpp"

extern "C" void stress_runner();

namespace redoubt::stress {
namespace {

namespace scheme = abi::scheme;

enum GuestSlot : Slot {
    kVm,
    kRunner,
    kRunnerBuffer,
    kVcpu,
    kState,
    kMemory,
    kGuestMemory,
    kPage,
    kGuestPage
};
constexpr std::uint64_t kCodeOffset = 0x1000, kCopyOffset = 0x3000;
constexpr std::uint64_t kMemoryAddress = 0x10000, kPageAddress = 0x40000;  // the guest's
constexpr std::uint64_t kPoison = 0xDEAD, kHarmless = 0x600D;
constexpr unsigned kMemoryBits = 16;

/// In 16-bit code: copies what is in the page to the copy, over and over; a port now and then.
constexpr unsigned char kGuestCode[] = {
    0xB9, 0x40, 0x00,        // mov cx, 64
    0x26, 0xA1, 0x00, 0x00,  // 1: mov ax, es:[0]
    0xA3, 0x00, 0x30,        // mov [0x3000], ax
    0xE2, 0xF7,              // loop 1b
    0xE6, 0x10,              // out 0x10, al
    0xEB, 0xF0,              // jmp start
};

alignas(16) unsigned char stacks[kMaximumTasks][kStackBytes];
volatile std::uint64_t exits[kMaximumTasks];

struct Window {
    explicit Window(const Task& task) : base{task.window} {}
    std::uint64_t buffer() const { return base; }
    abi::VcpuState& state() const { return *reinterpret_cast<abi::VcpuState*>(base + 0x1000); }
    std::uint64_t memory() const { return base + 0x10000; }
    volatile std::uint16_t& copy() const {
        return *reinterpret_cast<volatile std::uint16_t*>(memory() + kCopyOffset);
    }
    volatile std::uint16_t& page() const {
        return *reinterpret_cast<volatile std::uint16_t*>(base + 0x30000);
    }
    std::uint64_t base;
};

Error request(Slot target, scheme::Operation operation, std::uint64_t mr0, std::uint64_t mr1,
              std::uint64_t mr2, Slot sent, Slot received) {
    abi::IpcBuffer& buffer = native::ipc_buffer();
    buffer.send[0] = sent;
    buffer.receive_first = received;
    buffer.receive_count = received != 0 ? 1 : 0;
    native::Message message{
        abi::MessageInfo{static_cast<std::uint32_t>(operation), 8, sent != 0 ? 1U : 0U},
        {mr0, mr1, mr2, 0}};
    const Error error = native::call(target, message);
    return error != Error::Ok ? error : static_cast<Error>(message.info.label());
}

Error create(const Task& task, Slot target, const char* path, Slot received,
             std::uint64_t size_bits) {
    auto* bytes = reinterpret_cast<char*>(&native::ipc_buffer().words[abi::kRegisterWords]);
    std::uint64_t length = 0;
    for (; path[length] != '\0'; ++length) bytes[length] = path[length];
    return request(target, scheme::Operation::Open, 1, length, size_bits, task.pool, received);
}

void make_machine(Task& task) {
    constexpr auto kAll = kReadWrite | abi::MapFlags::Execute;
    const Window window{task};
    const Slot at = task.first;
    must(task, create(task, hv_root(), "vm", at + kVm, 16), "a VM");
    must(task, native::retype(task.pool, ObjectType::Frame, kMemoryBits, at + kMemory), "memory");
    must(task, native::copy(at + kMemory, Rights::All, at + kGuestMemory), "memory");
    must(task, native::retype(task.pool, ObjectType::Frame, 12, at + kPage), "a page");
    must(task, native::copy(at + kPage, Rights::All, at + kGuestPage), "a page");
    must(task, native::map(at + kMemory, kSpace, window.memory(), kReadWrite), "memory");
    must(task, native::map(at + kPage, kSpace, window.base + 0x30000, kReadWrite), "a page");
    must(task, native::map(at + kGuestMemory, at + kVm, kMemoryAddress, kAll), "guest memory");
    auto* code = reinterpret_cast<volatile unsigned char*>(window.memory() + kCodeOffset);
    for (unsigned i = 0; i < sizeof kGuestCode; ++i) code[i] = kGuestCode[i];
    window.page() = kHarmless;

    must(task, create(task, at + kVm, "vcpu/0", at + kVcpu, 0), "a vCPU");
    must(task, request(at + kVcpu, scheme::Operation::Map, 0, 4096, 0, 0, at + kState),
         "its state");
    abi::VcpuState& state = window.state();
    must(task,
         native::map(at + kState, kSpace, reinterpret_cast<std::uint64_t>(&state), kReadWrite),
         "its state");
    must(task, native::vcpu_control(at + kVcpu, abi::VcpuOperation::GetState), "its state");
    for (auto& segment : state.segments)
        segment.selector = kMemoryAddress >> 4, segment.base = kMemoryAddress;
    state.segments[abi::kEs].base = kPageAddress;
    state.rip = kCodeOffset;
    state.rflags = 2;
    state.gpr[abi::kRsp] = 0x8000;
    state.deadline = abi::kNever;
    state.dirty = static_cast<std::uint32_t>(abi::RegisterGroup::Segments);
}

}  // namespace

/// Runs the vCPU of its task until that is impossible.
extern "C" [[noreturn]] void run_stress_guest(Task* task) {
    const Window window{*task};
    while (native::vcpu_run(task->first + kVcpu) == Error::Ok) {
        fuzz::count(exits[task->index]);
        abi::VcpuState& state = window.state();
        if (state.exit.kind == abi::ExitKind::PortIo) {
            state.rip = state.exit.next_rip;
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
        make_machine(task);
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
            if (window.copy() == kPoison) fail(task, "a guest saw what was taken from it");
        }
        switch (task.random.below(4)) {
            case 0:
                must(task,
                     request(at + kVm, scheme::Operation::Call,
                             static_cast<std::uint64_t>(abi::hv::VmCall::Destroy), 0, 0, 0, 0),
                     "destroying");
                // Its runner may not have noticed yet. What it was told stays told.
                if (task.random.one_in(2)) {
                    must(task, native::thread_control(at + kRunner, ThreadOperation::Suspend),
                         "suspending");
                    must(task, native::thread_control(at + kRunner, ThreadOperation::Resume),
                         "resuming");
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
